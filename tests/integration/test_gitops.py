"""Argo CD and Flux beside the operator, on a real API server: applied as they apply it, before and after our moves.

Who wins, what is said, and that the recipes of docs/gitops.md keep the peace. Neither controller itself runs here.
"""

import subprocess

import pytest

from tests.integration.conftest import eventually
from tests.integration.control_plane import ControlPlane
from tests.integration.fake_prometheus import Service
from tests.integration.test_operator_on_a_real_api_server import (
    DEPLOYMENTS,
    Json,
    add_ready_pods,
    condition_of,
    create_tuning,
    overload,
    replicas_of,
    settle,
    status_of,
)

ARGO_CD, FLUX = "argocd-controller", "kustomize-controller"
MANAGERS = pytest.mark.parametrize("manager", [ARGO_CD, FLUX])
TAKE = {"min": 1, "max": 8, "conflictPolicy": "Take"}
OPERATOR = "fastapi-tuning-operator"


def apply(plane: ControlPlane, namespace: str, manager: str, *, replicas: int | None, image: str = "app:1") -> None:
    """Server-side apply of what Git states, by force: as both do it. None: Git states no replicas."""
    labels = {"app": "checkout"}
    container = {"name": "app", "image": image, "command": ["uvicorn", "app:app"], "env": [{"name": "A", "value": "1"}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec: Json = {"selector": {"matchLabels": labels}, "template": template}
    if replicas is not None:
        spec["replicas"] = replicas
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout"}, "spec": spec}
    path = f"{DEPLOYMENTS.format(namespace)}/checkout?fieldManager={manager}&force=true"
    plane.call("PATCH", path, body, "application/apply-patch+yaml")
    settle(plane, namespace)


def created(plane: ControlPlane, namespace: str, service: Service, manager: str, *, replicas: int | None) -> None:
    apply(plane, namespace, manager, replicas=replicas)
    add_ready_pods(plane, namespace, service, 1)
    overload(service)


def owners_of_replicas(plane: ControlPlane, namespace: str) -> set[str]:
    entries = plane.call("GET", f"{DEPLOYMENTS.format(namespace)}/checkout")["metadata"]["managedFields"]
    return {each["manager"] for each in entries if "f:replicas" in each["fieldsV1"].get("f:spec", {})}


def scaled(plane: ControlPlane, namespace: str, service: Service, replicas: int) -> None:
    """Wait for the operator's move, and play the Deployment controller."""
    eventually(lambda: replicas_of(plane, namespace) == replicas, f"{replicas} replicas")
    settle(plane, namespace)
    add_ready_pods(plane, namespace, service, replicas)


def scale_by_hand(plane: ControlPlane, namespace: str, replicas: int) -> None:
    """As `kubectl scale` does it."""
    path = f"{DEPLOYMENTS.format(namespace)}/checkout/scale?fieldManager=kubectl"
    plane.call("PATCH", path, {"spec": {"replicas": replicas}}, "application/merge-patch+json")
    settle(plane, namespace)


def message_of(plane: ControlPlane, namespace: str) -> str:
    conditions = status_of(plane, namespace)["conditions"]
    return str(next(each["message"] for each in conditions if each["type"] == "NoConflict"))


@MANAGERS
def test_replicas_that_git_states_are_git_s_and_that_is_said(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes], manager: str
) -> None:
    created(plane, namespace, service, manager, replicas=1)
    create_tuning(plane, namespace, mode="Auto")

    eventually(lambda: condition_of(plane, namespace, "NoConflict") == ("False", "FieldConflict"), "it is said")
    assert f"spec.replicas is owned by {manager} (Apply): replicas held" in message_of(plane, namespace)
    (conflict,) = status_of(plane, namespace)["conflicts"]
    assert (conflict["knob"], conflict["owner"]) == ("replicas", f"{manager} (Apply)")
    apply(plane, namespace, manager, replicas=1)
    assert replicas_of(plane, namespace) == 1
    assert owners_of_replicas(plane, namespace) == {manager}


@MANAGERS
def test_replicas_that_git_leaves_out_are_ours_and_stay_when_it_applies_again(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes], manager: str
) -> None:
    created(plane, namespace, service, manager, replicas=None)
    create_tuning(plane, namespace, mode="Auto")
    scaled(plane, namespace, service, 2)

    apply(plane, namespace, manager, replicas=None, image="app:2")

    assert replicas_of(plane, namespace) == 2
    assert owners_of_replicas(plane, namespace) == set(), "/scale is not recorded while nobody owns the field"
    eventually(lambda: condition_of(plane, namespace, "NoConflict") == ("True", "NoConflict"), "nobody fights")


def test_a_field_whose_last_owner_leaves_is_set_back(plane: ControlPlane, namespace: str, service: Service) -> None:
    """Why replicas are not simply taken out of Git."""
    created(plane, namespace, service, FLUX, replicas=3)
    apply(plane, namespace, FLUX, replicas=None)

    assert replicas_of(plane, namespace) == 1


@MANAGERS
def test_once_taken_replicas_leave_git_without_a_pod_noticing(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes], manager: str
) -> None:
    """`managedFieldsManagers` of Argo CD and the patch of Flux both apply what is left without our fields."""
    created(plane, namespace, service, manager, replicas=1)
    create_tuning(plane, namespace, mode="Auto", replicas=TAKE)
    scaled(plane, namespace, service, 2)
    assert owners_of_replicas(plane, namespace) == {OPERATOR}

    apply(plane, namespace, manager, replicas=None)

    assert replicas_of(plane, namespace) == 2
    eventually(lambda: condition_of(plane, namespace, "NoConflict") == ("True", "NoConflict"), "nobody fights")


def test_argo_cd_that_applies_the_number_it_finds_owns_it_too_and_fights_nobody(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes]
) -> None:
    """`jsonPointers: [/spec/replicas]` with RespectIgnoreDifferences."""
    created(plane, namespace, service, ARGO_CD, replicas=1)
    create_tuning(plane, namespace, mode="Auto", replicas=TAKE)
    scaled(plane, namespace, service, 2)
    apply(plane, namespace, ARGO_CD, replicas=replicas_of(plane, namespace))
    assert owners_of_replicas(plane, namespace) == {ARGO_CD, OPERATOR}

    service.offered_per_second, service.requests_per_second = 600.0, 320.0

    eventually(lambda: replicas_of(plane, namespace) > 2, "the next move is not held")
    assert condition_of(plane, namespace, "NoConflict") == ("True", "NoConflict")
    assert owners_of_replicas(plane, namespace) == {OPERATOR}


@MANAGERS
def test_git_that_states_its_number_again_wins_for_a_window_and_is_named(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes], manager: str
) -> None:
    """`Take` without its other half."""
    created(plane, namespace, service, manager, replicas=1)
    create_tuning(plane, namespace, mode="Auto", replicas=TAKE)
    scaled(plane, namespace, service, 2)

    apply(plane, namespace, manager, replicas=1)

    eventually(lambda: condition_of(plane, namespace, "NoConflict") == ("False", "MovedByOthers"), "it is noticed")
    assert f"spec.replicas (1) is owned by {manager} (Apply), until " in message_of(plane, namespace)
    assert replicas_of(plane, namespace) == 1


def test_a_person_s_scale_is_left_in_place_for_a_window(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes]
) -> None:
    created(plane, namespace, service, FLUX, replicas=1)
    hasty = {**TAKE, "scaleDown": {"stabilizationSeconds": 10}}
    create_tuning(plane, namespace, mode="Auto", replicas=hasty)
    scaled(plane, namespace, service, 2)

    scale_by_hand(plane, namespace, 1)

    eventually(lambda: condition_of(plane, namespace, "NoConflict") == ("False", "MovedByOthers"), "it is noticed")
    assert "spec.replicas (1) is owned by kubectl (Update), until " in message_of(plane, namespace)
    assert replicas_of(plane, namespace) == 1
    scaled(plane, namespace, service, 2)
    eventually(lambda: condition_of(plane, namespace, "NoConflict") == ("True", "NoConflict"), "the window is over")


def test_a_person_s_scale_of_replicas_that_nobody_owns_is_noticed_by_the_number(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes]
) -> None:
    created(plane, namespace, service, FLUX, replicas=None)
    create_tuning(plane, namespace, mode="Auto")
    scaled(plane, namespace, service, 2)

    scale_by_hand(plane, namespace, 5)

    eventually(lambda: condition_of(plane, namespace, "NoConflict") == ("False", "MovedByOthers"), "it is noticed")
    assert "spec.replicas (5) is owned by a client whose name was not recorded, until " in message_of(plane, namespace)
    assert replicas_of(plane, namespace) == 5


@MANAGERS
def test_our_variables_stay_when_git_applies_its_own(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes], manager: str
) -> None:
    created(plane, namespace, service, manager, replicas=None)
    # No restart while users suffer and pods would help.
    service.offered_per_second, service.requests_per_second, service.fast_ratio = 50.0, 50.0, 1.0
    keep_alive = {"timeoutKeepAlive": {"mode": "Auto", "min": 30, "max": 30}}
    create_tuning(plane, namespace, mode="Auto", uvicorn=keep_alive, apply={"strategy": "RollingRestart"})

    def environment() -> dict[str, str]:
        template = plane.call("GET", f"{DEPLOYMENTS.format(namespace)}/checkout")["spec"]["template"]
        return {each["name"]: each["value"] for each in template["spec"]["containers"][0]["env"]}

    ours = {"UVICORN_TIMEOUT_KEEP_ALIVE": "30"}
    eventually(lambda: ours.items() <= environment().items(), "the setting is rolled out")
    apply(plane, namespace, manager, replicas=None, image="app:2")

    assert environment().items() >= {"A": "1", **ours}.items()
