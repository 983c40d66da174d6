"""Autoscalers that move the pods for the operator (spec.replicas.via), on a real API server, with the chart's rights.

No controller runs here, so a test plays the autoscaler: it sets the replicas within the bounds.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import eventually, running_operator
from tests.integration.control_plane import ControlPlane, Refused
from tests.integration.fake_prometheus import Service
from tests.integration.foreign_kinds import serve
from tests.integration.installed_chart import installed
from tests.integration.test_operator_on_a_real_api_server import (
    TUNINGS,
    Json,
    condition_of,
    create_target,
    create_tuning,
    overload,
    replicas_of,
    status_of,
)
from tests.unit.chart.conftest import rendered

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}
HPAS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"
SCALED_OBJECTS = "/apis/keda.sh/v1alpha1/namespaces/{}/scaledobjects"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
VIA: Json = {"min": 1, "max": 8, "via": "HorizontalPodAutoscaler"}


@pytest.fixture
def account(plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[ControlPlane]:
    """The API server for the operator's account, with the right to write to autoscalers."""
    serve(plane, "keda.sh", "ScaledObject", "scaledobjects", "v1alpha1")
    manifests = rendered(f"watchNamespaces={{{namespace}}}", "autoscalers.enabled=true")
    with installed(plane, manifests, tmp_path) as operator:
        yield operator


@pytest.fixture
def log(account: ControlPlane, namespace: str, service: Service, tmp_path: Path) -> Iterator[Path]:
    """Of the operator that runs meanwhile."""
    file = tmp_path / "operator.log"
    with running_operator(account, file, f"--prometheus-url={service.url}", f"--namespace={namespace}"):
        yield file


def hpa_of(most: int, least: int | None = None) -> Json:
    stated = {} if least is None else {"minReplicas": least}
    spec = {"scaleTargetRef": TARGET, "maxReplicas": most, **stated}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "checkout"},
        "spec": spec,
    }


def apply(plane: ControlPlane, namespace: str, body: Json, manager: str) -> None:
    path = f"{HPAS.format(namespace)}/checkout?fieldManager={manager}&force=true"
    plane.call("PATCH", path, body, APPLY)


def bounds(plane: ControlPlane, namespace: str) -> tuple[int, int]:
    spec = plane.call("GET", f"{HPAS.format(namespace)}/checkout")["spec"]
    return spec["minReplicas"], spec["maxReplicas"]


def message_of(plane: ControlPlane, namespace: str, kind: str) -> str:
    conditions = status_of(plane, namespace).get("conditions", [])
    return str(next((each["message"] for each in conditions if each["type"] == kind), ""))


def test_the_need_becomes_the_minimum_and_is_given_back_when_the_object_goes(
    plane: ControlPlane, namespace: str, service: Service, log: Path
) -> None:
    create_target(plane, namespace, service)
    plane.call("POST", f"{HPAS.format(namespace)}?fieldManager=helm", hpa_of(1))
    overload(service)
    create_tuning(plane, namespace, mode="Auto", replicas=VIA, onDelete="Restore")

    eventually(lambda: bounds(plane, namespace) == (2, 2), "the bounds rise")
    assert replicas_of(plane, namespace) == 1, "the autoscaler makes the pods"
    eventually(lambda: status_of(plane, namespace).get("autoscaler", {}).get("maxReplicas") == 1, "it is written down")
    assert condition_of(plane, namespace, "NoConflict") == ("True", "NoConflict")
    managers = plane.call("GET", f"{HPAS.format(namespace)}/checkout")["metadata"]["managedFields"]
    owners = {each["manager"] for each in managers if "f:minReplicas" in each["fieldsV1"].get("f:spec", {})}
    assert owners == {"fastapi-tuning-operator"}

    plane.call("DELETE", f"{TUNINGS.format(namespace)}/checkout")

    eventually(lambda: bounds(plane, namespace) == (1, 1), "the bounds are as before")
    assert "orbidden" not in log.read_text()


def test_a_scaled_object_is_driven_cycle_after_cycle(
    plane: ControlPlane, namespace: str, service: Service, log: Path
) -> None:
    create_target(plane, namespace, service)
    kedas = hpa_of(100)
    kedas["metadata"] = {
        "name": "keda-hpa-checkout",
        "ownerReferences": [{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "checkout", "uid": "0"}],
    }
    plane.call("POST", HPAS.format(namespace), kedas)
    scaled: Json = {"scaleTargetRef": {"name": "checkout"}, "triggers": [{"type": "cpu"}]}
    body = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "checkout"},
        "spec": scaled,
    }
    plane.call("POST", SCALED_OBJECTS.format(namespace), body)
    overload(service)
    create_tuning(plane, namespace, mode="Auto", replicas={**VIA, "via": "ScaledObject"})

    def spec() -> Json:
        found: Json = plane.call("GET", f"{SCALED_OBJECTS.format(namespace)}/checkout")["spec"]
        return found

    eventually(lambda: spec() == {**scaled, "minReplicaCount": 2, "maxReplicaCount": 8}, "the bounds are set")
    service.offered_per_second = 500.0
    eventually(lambda: spec()["minReplicaCount"] > 2, "and set again, though nothing else changed")
    theirs = plane.call("GET", f"{HPAS.format(namespace)}/keda-hpa-checkout")
    assert theirs["metadata"]["managedFields"][0]["manager"] != "fastapi-tuning-operator"
    assert len(theirs["metadata"]["managedFields"]) == 1


def test_git_keeps_the_maximum_that_it_states_and_leaves_the_minimum_that_it_does_not(
    plane: ControlPlane, namespace: str, service: Service, log: Path
) -> None:
    create_target(plane, namespace, service)
    apply(plane, namespace, hpa_of(20), "argocd-controller")
    overload(service)
    create_tuning(plane, namespace, mode="Auto", replicas=VIA)

    eventually(lambda: bounds(plane, namespace) == (2, 20), "the minimum is ours, the maximum is Git's")
    apply(plane, namespace, hpa_of(20), "argocd-controller")
    assert bounds(plane, namespace) == (2, 20)

    apply(plane, namespace, hpa_of(20, least=1), "argocd-controller")
    eventually(lambda: condition_of(plane, namespace, "NoConflict") == ("False", "FieldConflict"), "it is said")
    assert "spec.minReplicas of HorizontalPodAutoscaler checkout is owned by argocd-controller (Apply)" in message_of(
        plane, namespace, "NoConflict"
    )
    assert bounds(plane, namespace) == (1, 20)


def test_an_autoscaler_that_is_not_there_is_asked_for_and_found_when_it_appears(
    plane: ControlPlane, namespace: str, service: Service, log: Path
) -> None:
    create_target(plane, namespace, service)
    overload(service)
    create_tuning(plane, namespace, mode="Auto", replicas=VIA)
    eventually(lambda: condition_of(plane, namespace, "Stalled") == ("True", "AutoscalerNotFound"), "it is said")
    assert replicas_of(plane, namespace) == 1

    plane.call("POST", HPAS.format(namespace), hpa_of(8))

    eventually(lambda: bounds(plane, namespace) == (2, 8), "it is found")
    eventually(lambda: condition_of(plane, namespace, "Stalled")[0] == "False", "all is well")


OTHER_CHANGES: dict[str, Json] = {
    "target": {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "other"}}},
    "metrics": {"spec": {"metrics": []}},
    "behaviour": {"spec": {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}},
    "a label": {"metadata": {"labels": {"team": "evil"}}},
    "an annotation": {"metadata": {"annotations": {"autoscaling.keda.sh/paused": "true"}}},
}


@pytest.fixture(scope="module")
def everywhere(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The account with rights in all namespaces: in a watched one, a refusal for want of rights would tell nothing."""
    serve(plane, "keda.sh", "ScaledObject", "scaledobjects", "v1alpha1")
    with installed(plane, rendered("autoscalers.enabled=true"), tmp_path_factory.mktemp("everywhere")) as operator:
        yield operator


@pytest.mark.parametrize("change", OTHER_CHANGES.values(), ids=OTHER_CHANGES.keys())
def test_nothing_else_of_an_autoscaler_can_be_changed(
    plane: ControlPlane, everywhere: ControlPlane, namespace: str, change: Json
) -> None:
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 7}},
    }
    hpa = hpa_of(8)
    hpa["spec"]["metrics"] = [metric]
    plane.call("POST", HPAS.format(namespace), hpa)
    scaled = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "checkout"},
        "spec": {"scaleTargetRef": {"name": "checkout"}},
    }
    plane.call("POST", SCALED_OBJECTS.format(namespace), scaled)

    paths = [f"{collection.format(namespace)}/checkout" for collection in (HPAS, SCALED_OBJECTS)]
    for path in paths:
        plane.call("PATCH", f"{path}?dryRun=All", change, MERGE)
    eventually(lambda: all(refused(everywhere, path, change) for path in paths), "the policy refuses it", seconds=30)
    everywhere.call("PATCH", paths[0], {"spec": {"minReplicas": 2, "maxReplicas": 3}}, MERGE)
    everywhere.call("PATCH", paths[1], {"spec": {"minReplicaCount": 2, "maxReplicaCount": 3}}, MERGE)
    everywhere.call("PATCH", paths[1], {"spec": {"minReplicaCount": None}}, MERGE)


def refused(account: ControlPlane, path: str, change: Json) -> bool:
    """By the policy, which reaches the API server a moment after it was made; nothing is changed before."""
    try:
        account.call("PATCH", f"{path}?dryRun=All", change, MERGE)
    except Refused as refusal:
        told = str(refusal.args[1])
        return refusal.status == 422 and "the operator changes nothing of an autoscaler" in told
    return False
