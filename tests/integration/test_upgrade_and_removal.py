"""Helm as users run it: an upgrade from earlier charts with objects in place, and a removal of what has worked.

On a control plane of its own, since the CRD here is the release's.
"""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fastapi_tuning.api.tuning import FastAPITuning, tuning_of
from tests.integration.conftest import eventually, running_operator
from tests.integration.control_plane import ControlPlane, Refused, control_plane, free_port
from tests.integration.fake_prometheus import Service, prometheus_of
from tests.integration.helm import chart_of, helm, inventory, settled_inventory
from tests.integration.installed_chart import ACCOUNT, LEASE, SYSTEM
from tests.integration.test_operator_on_a_real_api_server import (
    DEPLOYMENTS,
    TUNINGS,
    create_target,
    create_tuning,
    overload,
    replicas_of,
)
from tests.unit.chart.conftest import CHART, ROOT

Json = dict[str, Any]
SHOP = "shop"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/fastapitunings.fastapituning.io"
EARLIER = {
    "the first one that enforces one worker": "7d0f8aebf2855defba912c743fd2ef0e906dadd5",
    "the last one without election": "4472b62303c52ee9c5bb02a0ab9266cac4a01fb0",
}
"""Nothing is released yet, so charts of the history stand for the previous release. Before these, `workers.mode` had
other values, and `uvicorn.timeoutKeepAlive` a number of seconds."""
STATUS: Json = {
    "observedGeneration": 1,
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Observing",
            "message": "as it was",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T12:00:00Z",
        }
    ],
    "applied": {"replicas": 3, "threads": 80},
    "original": {"replicas": 2},
    "history": {
        "observedSince": "2026-01-01T11:00:00Z",
        "lastObservationTime": "2026-01-01T12:00:00Z",
        "lastScaleUpTime": "2026-01-01T11:30:00Z",
        "needs": [{"time": "2026-01-01T11:59:00Z", "replicas": 3}],
        "learned": {"templateHash": "abc", "provenPerSecond": "120"},
    },
}


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("release")) as plane:
        for name in (SYSTEM, SHOP):
            plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        yield plane


def served(plane: ControlPlane) -> None:
    def established() -> bool:
        try:
            plane.call("GET", TUNINGS.format(SHOP))
        except Refused:
            return False
        return True

    eventually(established, "the CRD is served")


def contains(whole: object, part: object) -> bool:
    """Whether everything in `part` is in `whole`, which may have more, such as defaults."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return (
            isinstance(whole, list)
            and len(whole) == len(part)
            and all(contains(each, expected) for each, expected in zip(whole, part, strict=True))
        )
    return whole == part


def write_examples(plane: ControlPlane, examples: Path) -> list[str]:
    """The examples of that time, each with as much of the status as the schema of then had."""
    names = []
    for file in sorted(examples.glob("*.yaml")):
        body = yaml.safe_load(file.read_text())
        body["metadata"] = {"name": file.stem}
        plane.call("POST", f"{TUNINGS.format(SHOP)}?fieldValidation=Strict", body)
        path = f"{TUNINGS.format(SHOP)}/{file.stem}/status?fieldValidation=Ignore"
        plane.call("PATCH", path, {"status": STATUS}, "application/merge-patch+json")
        names.append(file.stem)
    return names


def objects(plane: ControlPlane) -> dict[str, Json]:
    return {each["metadata"]["name"]: each for each in plane.call("GET", TUNINGS.format(SHOP))["items"]}


@pytest.mark.parametrize("commit", EARLIER.values(), ids=EARLIER.keys())
def test_an_upgrade_loses_nothing_that_is_in_place(cluster: ControlPlane, commit: str, tmp_path: Path) -> None:
    earlier = chart_of(commit, ROOT, tmp_path)
    if earlier is None:
        pytest.skip("the history of this copy does not go back to the earlier chart")
    url = "--set=prometheus.url=http://prometheus.monitoring:9090"
    helm(cluster, "install", str(earlier / CHART.relative_to(ROOT)), url)
    served(cluster)
    names = write_examples(cluster, earlier / "crds" / "examples")
    assert len(names) >= 4
    before, crd = copy.deepcopy(objects(cluster)), cluster.call("GET", CRD)
    for each in before.values():
        assert each["status"]["applied"]["replicas"] == 3
        assert each["status"]["history"].keys() >= {"observedSince", "lastScaleUpTime", "needs"}

    helm(cluster, "upgrade", str(CHART), url)

    upgraded = cluster.call("GET", CRD)
    assert upgraded["metadata"]["uid"] == crd["metadata"]["uid"], "a CRD that is made anew takes all objects with it"
    assert upgraded["spec"] != crd["spec"]
    eventually(lambda: accepts_new_fields(cluster, names[0]), "the new schema is in force")
    for name in names:
        path = f"{TUNINGS.format(SHOP)}/{name}"
        cluster.call("PATCH", path, {"metadata": {"labels": {"written": "anew"}}}, "application/merge-patch+json")
        after = cluster.call("GET", path)
        assert after["metadata"]["uid"] == before[name]["metadata"]["uid"]
        assert contains(after["spec"], before[name]["spec"]), json.dumps([before[name]["spec"], after["spec"]])
        assert contains(after["status"], before[name]["status"])
        read = tuning_of(after)
        assert isinstance(read, FastAPITuning), read
        assert read.status.applied.replicas == 3
        assert read.status.history == tuning_of(before[name]).status.history
    assert names == sorted(objects(cluster))


def accepts_new_fields(plane: ControlPlane, name: str) -> bool:
    """Whether the API server reads objects by the schema of now, in a dry run."""
    body: Json = {"status": {"considered": []}}
    path = f"{TUNINGS.format(SHOP)}/{name}/status?dryRun=All&fieldValidation=Strict"
    try:
        plane.call("PATCH", path, body, "application/merge-patch+json")
    except Refused:
        return False
    return True


def test_a_removal_leaves_workloads_as_they_are_and_nothing_of_ours(cluster: ControlPlane, tmp_path: Path) -> None:
    before = settled_inventory(cluster)
    with prometheus_of(Service(namespace=SHOP)) as service:
        helm(cluster, "install", str(CHART), f"--set=prometheus.url={service.url}")
        served(cluster)
        create_target(cluster, SHOP, service)
        overload(service)
        made = inventory(cluster) - before
        assert any("mutatingwebhookconfigurations" in each for each in made)
        account = cluster.as_account(SYSTEM, ACCOUNT, tmp_path)
        log = tmp_path / "operator.log"
        options = (
            f"--prometheus-url={service.url}",
            f"--lease={SYSTEM}/{LEASE}",
            "--agent-image=none",
            f"--webhook-port={free_port()}",
            f"--webhook-certificates={tmp_path / 'certificates'}",
            f"--webhook-secret={SYSTEM}/{ACCOUNT}-webhook",
            f"--webhook-configuration={ACCOUNT}",
            f"--webhook-name={ACCOUNT}.{SYSTEM}.svc",
        )
        with running_operator(account, log, *options):
            create_tuning(cluster, SHOP, mode="Auto")
            eventually(lambda: replicas_of(cluster, SHOP) == 2, "the operator has moved something")
            eventually(lambda: trusted(cluster), "the webhook's configuration was changed by the operator")
            target = workload(cluster)

            helm(cluster, "uninstall")

        # It ended after its rights were gone: whatever it still tried brought nothing back.
        left = inventory(cluster) - before
    assert workload(cluster) == target
    (tuning,) = objects(cluster).values()
    assert tuning["metadata"].get("finalizers", []) == []
    assert {place.split("/")[-1] for place in left} == LEFT, left
    cluster.call("DELETE", f"{TUNINGS.format(SHOP)}/checkout")
    assert objects(cluster) == {}, "nothing waits for an operator that is no more"


LEFT = {
    "fastapitunings.fastapituning.io",
    "v1alpha1.fastapituning.io",
    "checkout",
    "checkout-0",
}
"""The CRD, as documented, and what the API server makes of it; the target, its pod and its FastAPITuning."""


def trusted(plane: ControlPlane) -> bool:
    path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{ACCOUNT}"
    return all(each["clientConfig"].get("caBundle") for each in plane.call("GET", path)["webhooks"])


def workload(plane: ControlPlane) -> Json:
    """The Deployment and its pods as their users know them: without what counts writes."""
    pods = plane.call("GET", f"/api/v1/namespaces/{SHOP}/pods")["items"]
    return {
        "spec": plane.call("GET", f"{DEPLOYMENTS.format(SHOP)}/checkout")["spec"],
        "pods": [(each["metadata"]["name"], each["metadata"].get("annotations"), each["spec"]) for each in pods],
    }
