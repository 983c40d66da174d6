"""What the cluster is given for a step."""

from typing import Any

import kubernetes_validate
import pytest
import yaml

from fastapi_tuning.api.tuning import FastAPITuning, tuning_of
from fastapi_tuning.load.profile import parse_profile
from fastapi_tuning.load_test.jobs import (
    Judgement,
    Load,
    Locust,
    OpenLoop,
    Target,
    config_map,
    deadline_seconds,
    job,
    name_of,
)
from fastapi_tuning.load_test.search import Trial, next_trial
from tests.unit.cli.clusters import tuning as stored_tuning
from tests.unit.load_test.builders import bounds

OPEN_LOOP = OpenLoop(path="/orders?limit=10")
LOCUST = Locust(scenario="from locust import HttpUser", listener="import json", name="visit.py")
JUDGEMENT = Judgement(threshold_seconds=0.5, timeout_seconds=5.0, most_bad_share=0.2)


def owner() -> FastAPITuning:
    found = tuning_of(stored_tuning())
    assert isinstance(found, FastAPITuning)
    return found


def target(deployment: str = "checkout") -> Target:
    labels, url = {"app": "checkout"}, "http://checkout.shop.svc:80"
    return Target(namespace="shop", deployment=deployment, pod_labels=labels, url=url, owner=owner())


def trial() -> Trial:
    found = next_trial([], bounds(), 0.0)
    assert isinstance(found, Trial)
    return found


def job_of(load: Load, **changes: Any) -> dict[str, Any]:
    return job(trial(), load, target(**changes), JUDGEMENT, image="operator:1", run="abc", seed=3)


@pytest.mark.parametrize("load", [OPEN_LOOP, LOCUST])
def test_it_is_what_kubernetes_expects(load: Load) -> None:
    kubernetes_validate.validate(job_of(load), "1.34", strict=True)
    kubernetes_validate.validate(config_map(LOCUST, target(), run="abc", owner_uid="u"), "1.34", strict=True)


@pytest.mark.parametrize("load", [OPEN_LOOP, LOCUST])
def test_it_goes_by_itself_if_nobody_removes_it(load: Load) -> None:
    body = job_of(load)
    assert trial().load_seconds < body["spec"]["activeDeadlineSeconds"] == deadline_seconds(trial(), JUDGEMENT)
    assert body["spec"]["ttlSecondsAfterFinished"] > 0
    assert body["spec"]["backoffLimit"] == 0
    assert [each["uid"] for each in body["metadata"]["ownerReferences"]] == [owner().uid]
    (of_scenario,) = config_map(LOCUST, target(), run="abc", owner_uid="u")["metadata"]["ownerReferences"]
    assert (of_scenario["kind"], of_scenario["name"], of_scenario["uid"]) == ("Job", body["metadata"]["name"], "u")


@pytest.mark.parametrize("load", [OPEN_LOOP, LOCUST])
def test_its_pod_passes_the_restricted_standard_and_no_selector_of_the_service(load: Load) -> None:
    template = job_of(load)["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert template["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert not target().pod_labels.items() <= template["metadata"]["labels"].items()


def test_the_open_loop_is_told_all_that_it_needs() -> None:
    (container,) = job_of(OPEN_LOOP)["spec"]["template"]["spec"]["containers"]
    options = dict(argument.removeprefix("--").split("=", 1) for argument in container["args"])
    settling, judged = parse_profile(options["profile"]).phases
    assert (settling.duration_seconds, settling.start_rate) == (trial().settle_seconds, trial().level)
    assert (judged.duration_seconds, judged.end_rate) == (trial().seconds, trial().level)
    assert options["url"] + options["path"] == "http://checkout.shop.svc:80/orders?limit=10"
    assert float(options["stop-at-bad-share"]) == 0.2
    assert int(options["stop-at-bad"]) == trial().most_bad_requests


def test_a_scenario_comes_with_what_sums_it_up() -> None:
    template = job_of(LOCUST)["spec"]["template"]["spec"]
    (container,) = template["containers"]
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == "scenario"]
    (volume,) = [each for each in template["volumes"] if each["name"] == "scenario"]
    held = config_map(LOCUST, target(), run="abc", owner_uid="u")
    assert volume["configMap"]["name"] == held["metadata"]["name"]
    (files,) = [each for each in container["args"] if each.startswith("--locustfile=")]
    assert files.removeprefix("--locustfile=").split(",") == [f"{mount['mountPath']}/{name}" for name in held["data"]]
    assert f"--users={trial().level:g}" in container["args"]


def test_a_long_name_is_cut_to_what_a_pod_can_be_labelled_with() -> None:
    assert len(name_of("c" * 200)) <= 63
    assert name_of("c" * 52 + "-" + "d" * 20)[-1].isalnum()


def test_it_can_be_written_as_yaml() -> None:
    assert yaml.safe_load(yaml.safe_dump(job_of(OPEN_LOOP))) == job_of(OPEN_LOOP)
