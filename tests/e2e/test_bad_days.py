"""What a platform team fears: an outage of Prometheus, objects that vanish, an operator that dies."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from dev.demo import prometheus
from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.ownership import PROMETHEUS_NAMESPACE, RELEASE, RELEASE_NAMESPACE, TUNINGS
from dev.demo.release import CHART, REPOSITORY, helm, install_operator
from dev.demo.sample_service import NAME
from dev.demo.service import QUICKLY_DOWN, Service
from tests.e2e.waiting import eventually, throughout

SEVERAL_CYCLES_SECONDS = 20.0


@pytest.fixture
def prometheus_outage(kubectl: Kubectl) -> Iterator[None]:
    scale = ("scale", "--namespace", PROMETHEUS_NAMESPACE, "deployment/prometheus")
    kubectl.run(*scale, "--replicas=0")
    yield
    kubectl.run(*scale, "--replicas=1")
    kubectl.await_rollout(PROMETHEUS_NAMESPACE, "prometheus")


@pytest.mark.disruptive
def test_an_outage_of_prometheus_moves_nothing(service: Service, prometheus_outage: None) -> None:
    service.deploy(replicas=3)
    service.tune(replicas={"min": 1, "max": 5, "scaleDown": QUICKLY_DOWN})

    eventually(lambda: service.condition("Ready") == ("False", "PrometheusUnreachable"), "the outage is reported")
    throughout(SEVERAL_CYCLES_SECONDS, lambda: service.replicas() == 3, "nothing moves without data")
    assert "PrometheusUnreachable" in service.reasons()


def test_an_idle_service_goes_to_its_minimum_and_keeps_it_when_the_object_goes(service: Service) -> None:
    service.deploy(replicas=3)
    service.tune(replicas={"min": 1, "max": 5, "scaleDown": QUICKLY_DOWN})
    eventually(lambda: service.replicas() == 1, "no traffic, the minimum")

    service.delete(TUNINGS, NAME)

    throughout(SEVERAL_CYCLES_SECONDS, lambda: service.replicas() == 1, "what was set stays")


def test_restore_gives_back_the_replicas_of_before(service: Service) -> None:
    service.deploy(replicas=3)
    service.tune(onDelete="Restore", replicas={"min": 1, "max": 5, "scaleDown": QUICKLY_DOWN})
    eventually(lambda: service.replicas() == 1, "no traffic, the minimum")
    eventually(lambda: service.status().get("original", {}).get("replicas") == 3, "the status remembers")

    service.delete(TUNINGS, NAME)

    eventually(lambda: service.replicas() == 3, "the replicas of before")


def test_a_target_that_goes_and_comes_back_is_followed(service: Service) -> None:
    service.deploy(replicas=1)
    service.tune(mode="Recommend")
    eventually(lambda: service.condition("Ready")[0] == "True", "observing")

    service.delete("deployment", NAME)
    eventually(lambda: service.condition("Stalled") == ("True", "TargetNotFound"), "the loss is reported")

    service.deploy(replicas=1)
    eventually(lambda: service.condition("Stalled")[0] == "False", "found again")


@pytest.mark.disruptive
def test_an_operator_that_dies_is_followed_by_one_that_remembers_and_watches_anew(service: Service) -> None:
    service.deploy(replicas=2)
    service.tune(replicas={"min": 1, "max": 5})
    eventually(lambda: bool((service.status().get("history") or {}).get("needs")), "a need is remembered")
    before = service.status()["history"]

    service.kubectl.run("delete", "pods", "--namespace", RELEASE_NAMESPACE, "--all", "--grace-period=0", "--force")
    service.kubectl.await_rollout(RELEASE_NAMESPACE, RELEASE)

    eventually(
        lambda: service.status()["history"]["observedSince"] > before["observedSince"],
        "the new one watches for itself before it takes pods away",
    )
    assert service.status()["history"]["needs"][0]["time"] == before["needs"][0]["time"], "and knows what was needed"
    assert service.replicas() == 2


@pytest.mark.parametrize(
    "example", sorted((REPOSITORY / "crds" / "examples").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_example_is_accepted_and_answered(service: Service, example: Path) -> None:
    tuning = yaml.safe_load(example.read_text())
    tuning["metadata"]["namespace"] = service.namespace
    service.kubectl.run("apply", "--validate=strict", "--filename=-", manifest=json.dumps(tuning))

    def answered() -> bool:
        found = service.kubectl.get("--namespace", service.namespace, TUNINGS, tuning["metadata"]["name"])
        conditions = found.get("status", {}).get("conditions", [])
        return ("Stalled", "TargetNotFound") in [(entry["type"], entry["reason"]) for entry in conditions]

    eventually(answered, "the missing target is reported")


@pytest.mark.disruptive
def test_an_upgrade_and_a_removal_of_the_chart_lose_nothing(service: Service, registry: str) -> None:
    service.deploy(replicas=3)
    service.tune(replicas={"min": 1, "max": 5, "scaleDown": QUICKLY_DOWN})
    eventually(lambda: service.replicas() == 1, "tuned before")

    helm(service.kubectl, "uninstall", RELEASE, "--wait", "--timeout=60s")
    try:
        assert left_of_the_release(service.kubectl) == []
        assert service.tuning()["metadata"].get("finalizers", []) == []
        assert service.replicas() == 1
        assert service.status()["applied"]["replicas"] == 1, "the objects stay with their CRD"
    finally:
        install_operator(service.kubectl, registry, watch_namespaces=())
    seen = service.status()["history"]["lastObservationTime"]
    eventually(lambda: service.status()["history"]["lastObservationTime"] > seen, "the new release goes on")


def left_of_the_release(kubectl: Kubectl) -> list[str]:
    """Everything that bears the release's label, but for the CRD, which stays."""
    kinds = (
        "leases,secrets,services,serviceaccounts,deployments,poddisruptionbudgets,networkpolicies,roles,rolebindings",
        "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingadmissionpolicies",
        "validatingadmissionpolicybindings,customresourcedefinitions",
    )
    selector = f"--selector=app.kubernetes.io/instance={RELEASE}"
    found = kubectl.run("get", ",".join(kinds), "--all-namespaces", selector, "--output=name")
    return [each for each in found.split() if not each.startswith("customresourcedefinition")]


@pytest.mark.disruptive
def test_a_second_release_is_told_that_the_crd_is_taken_and_how_to_go_on(kubectl: Kubectl) -> None:
    second = ("install", f"second-{RELEASE}", str(CHART), "--dry-run=server", f"--set=prometheus.url={prometheus.URL}")

    with pytest.raises(KubectlFailed, match=rf"belongs to the release {RELEASE} .*crds.install=false"):
        helm(kubectl, *second)

    helm(kubectl, *second, "--set=crds.install=false")


@pytest.mark.disruptive
def test_the_operator_needs_no_right_that_it_has_not(service: Service) -> None:
    service.deploy(replicas=1)
    service.tune(mode="Recommend")
    eventually(lambda: service.condition("Ready")[0] == "True", "observing")

    pods = f"--selector=app.kubernetes.io/instance={RELEASE}"
    logs = service.kubectl.run("logs", "--namespace", RELEASE_NAMESPACE, pods, "--tail=-1")
    assert " cannot " not in logs, "as the API server words a missing right"
    levels = {json.loads(line)["levelname"] for line in logs.splitlines() if line.startswith("{")}
    assert levels <= {"INFO", "WARNING"}
