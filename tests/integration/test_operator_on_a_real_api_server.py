"""The operator process against a real API server and a scripted Prometheus: what ends up in the cluster."""

import json
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config

from fastapi_tuning.api_server import KubernetesApi
from fastapi_tuning.errors import NotFound
from fastapi_tuning.observe.label_selector import selector_text
from fastapi_tuning.observe.workloads import deployment_path
from tests.integration.conftest import eventually
from tests.integration.control_plane import ControlPlane, Refused
from tests.integration.fake_prometheus import Service

Json = dict[str, Any]
TUNINGS = "/apis/fastapituning.io/v1alpha1/namespaces/{}/fastapitunings"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"


def create_target(plane: ControlPlane, namespace: str, service: Service, *command: str) -> None:
    """A Deployment of one ready pod, as its controllers would have left it."""
    labels = {"app": "checkout"}
    container = {"name": "app", "image": "none", "command": list(command or ("uvicorn", "app:app"))}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    plane.call("POST", DEPLOYMENTS.format(namespace), {"metadata": {"name": "checkout"}, "spec": spec})
    settle(plane, namespace)
    add_ready_pods(plane, namespace, service, 1)


def settle(plane: ControlPlane, namespace: str) -> None:
    """Play the Deployment controller: everything asked for is there."""
    path = f"{DEPLOYMENTS.format(namespace)}/checkout"
    found = plane.call("GET", path)
    status = {
        "observedGeneration": found["metadata"]["generation"],
        "replicas": found["spec"]["replicas"],
        "updatedReplicas": found["spec"]["replicas"],
    }
    plane.call("PATCH", f"{path}/status", {"status": status}, "application/merge-patch+json")


def add_ready_pods(plane: ControlPlane, namespace: str, service: Service, total: int) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    for number in range(len(service.pods), total):
        name = f"checkout-{number}"
        container = {"name": "app", "image": "none"}
        plane.call(
            "POST",
            pods,
            {"metadata": {"name": name, "labels": {"app": "checkout"}}, "spec": {"containers": [container]}},
        )
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        plane.call("PATCH", f"{pods}/{name}/status", {"status": ready}, "application/merge-patch+json")
        service.pods = (*service.pods, name)


def create_tuning(plane: ControlPlane, namespace: str, name: str = "checkout", **spec: object) -> None:
    body = {
        "apiVersion": "fastapituning.io/v1alpha1",
        "kind": "FastAPITuning",
        "metadata": {"name": name},
        "spec": {"targetRef": {"name": "checkout"}, "intervalSeconds": 5, "replicas": {"min": 1, "max": 8}, **spec},
    }
    plane.call("POST", f"{TUNINGS.format(namespace)}?fieldValidation=Strict", body)


def replicas_of(plane: ControlPlane, namespace: str) -> int:
    return int(plane.call("GET", f"{DEPLOYMENTS.format(namespace)}/checkout")["spec"]["replicas"])


def status_of(plane: ControlPlane, namespace: str, name: str = "checkout") -> Json:
    status: Json = plane.call("GET", f"{TUNINGS.format(namespace)}/{name}").get("status", {})
    return status


def condition_of(plane: ControlPlane, namespace: str, kind: str, name: str = "checkout") -> tuple[str, str]:
    for entry in status_of(plane, namespace, name).get("conditions", []):
        if entry["type"] == kind:
            return entry["status"], entry["reason"]
    return "", ""


@asynccontextmanager
async def api_of(plane: ControlPlane) -> AsyncIterator[KubernetesApi]:
    """The operator's own door to the API server."""
    configuration = Configuration()
    await load_kube_config(  # type: ignore[no-untyped-call]  # the client ships it without types
        config_file=str(plane.kubeconfig), client_configuration=configuration
    )
    async with ApiClient(configuration) as client:
        yield KubernetesApi(client)


def overload(service: Service) -> None:
    """200 requests/s arrive at one pod of 40 threads and 250 ms: it serves 160 of them, late."""
    service.offered_per_second, service.requests_per_second, service.fast_ratio = 200.0, 160.0, 0.2


def test_scales_up_when_demand_exceeds_what_the_threads_carry(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes]
) -> None:
    create_target(plane, namespace, service)
    overload(service)
    create_tuning(plane, namespace, mode="Auto")

    # 200 requests/s over 0.73 × 40 threads / 0.25 s = 117 requests/s a pod
    eventually(lambda: replicas_of(plane, namespace) == 2, "two replicas")
    eventually(lambda: len(status_of(plane, namespace).get("decisions", [])) == 1, "the decision is in the status")
    decision = status_of(plane, namespace)["decisions"][0]
    assert (decision["knob"], decision["fromValue"], decision["toValue"]) == ("replicas", "1", "2")
    assert "200.0 requests/s offered" in decision["message"]


def test_recommend_says_what_it_would_do_and_changes_nothing_else(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes]
) -> None:
    create_target(plane, namespace, service)
    before = plane.call("GET", f"{DEPLOYMENTS.format(namespace)}/checkout")
    overload(service)
    create_tuning(plane, namespace, mode="Recommend")

    eventually(
        lambda: status_of(plane, namespace).get("recommendation", {}).get("replicas", {}).get("target") == 2,
        "two replicas recommended",
    )
    after = plane.call("GET", f"{DEPLOYMENTS.format(namespace)}/checkout")
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_an_outage_of_prometheus_moves_nothing_and_is_said(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes]
) -> None:
    create_target(plane, namespace, service)
    service.down = True
    create_tuning(plane, namespace, mode="Auto")

    eventually(
        lambda: condition_of(plane, namespace, "Ready") == ("False", "PrometheusUnreachable"), "the outage is reported"
    )
    assert replicas_of(plane, namespace) == 1


def test_a_missing_target_is_reported_and_found_when_it_appears(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes]
) -> None:
    create_tuning(plane, namespace, mode="Auto")
    eventually(lambda: condition_of(plane, namespace, "Stalled") == ("True", "TargetNotFound"), "target missing")

    create_target(plane, namespace, service)
    service.requests_per_second = service.offered_per_second = 50.0

    eventually(lambda: condition_of(plane, namespace, "Ready")[0] == "True", "target found")


def test_only_the_older_of_two_objects_on_one_target_acts(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes]
) -> None:
    create_target(plane, namespace, service)
    create_tuning(plane, namespace, "a-first", mode="Recommend")
    eventually(lambda: condition_of(plane, namespace, "Ready", "a-first")[0] != "", "the first is seen")
    overload(service)
    create_tuning(plane, namespace, "b-second", mode="Auto")

    eventually(
        lambda: condition_of(plane, namespace, "ScalingLimited", "b-second") == ("True", "DuplicateTarget"),
        "the second is told",
    )
    assert replicas_of(plane, namespace) == 1


def test_one_worker_replaces_four_only_after_the_pods_are_there(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes]
) -> None:
    create_target(plane, namespace, service)
    environment = [{"name": "app", "env": [{"name": "WEB_CONCURRENCY", "value": "4"}]}]
    path = f"{DEPLOYMENTS.format(namespace)}/checkout"
    body = {"spec": {"template": {"spec": {"containers": environment}}}}
    plane.call("PATCH", path, body, "application/strategic-merge-patch+json")
    settle(plane, namespace)
    service.requests_per_second = service.offered_per_second = 50.0
    create_tuning(plane, namespace, mode="Auto", workers={"mode": "Enforce"})

    eventually(lambda: replicas_of(plane, namespace) == 4, "four pods for four workers")
    assert condition_of(plane, namespace, "OneWorkerPerPod")[0] in ("", "False")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"replicas": {"min": 5, "max": 2}}, "min must not be above max"),
        ({"threadPool": {"min": 50, "max": 20}}, "min must not be above max"),
        ({"metrics": {"source": "Guess"}}, "supported values"),
        ({"metrics": {"source": "Custom"}}, "custom queries go with source Custom"),
        ({"objectives": {"errors": {"maxPercent": "lots"}}}, "maxPercent"),
        ({"database": {"name": "main", "connectionsPerPod": 98, "maxConnections": 100}}, "replicas.min pods must not"),
        (
            {"database": {"name": "main", "connectionsPerPod": 1, "maxConnections": 3, "reservedConnections": 3}},
            "reservedConnections must be below maxConnections",
        ),
        ({"surprise": 1}, "unknown field"),
        ({"targetRef": {"name": "../../other/deployments/checkout"}}, "spec.targetRef.name"),
        ({"targetRef": {"name": "checkout", "containerName": "App"}}, "spec.targetRef.containerName"),
        ({"targetRef": {"name": "checkout", "containerName": ""}}, "spec.targetRef.containerName"),
    ],
)
def test_the_api_server_refuses_a_contradictory_object_with_a_clear_message(
    plane: ControlPlane, namespace: str, spec: Json, message: str
) -> None:
    with pytest.raises(Refused, match=message):
        create_tuning(plane, namespace, **spec)


async def test_a_name_that_points_into_another_namespace_finds_nothing_there(
    plane: ControlPlane, namespace: str, service: Service
) -> None:
    create_target(plane, namespace, service)

    async with api_of(plane) as api:
        found = await api.get(deployment_path(namespace, "checkout"))
        with pytest.raises(NotFound):
            await api.get(deployment_path("default", f"../../{namespace}/deployments/checkout"))

    assert found["metadata"]["namespace"] == namespace


async def test_the_selector_that_we_ask_with_finds_the_pods_that_kubernetes_means(
    plane: ControlPlane, namespace: str, service: Service
) -> None:
    create_target(plane, namespace, service)
    in_, not_in = (
        {"key": "app", "operator": operator, "values": ["checkout", "other"]} for operator in ("In", "NotIn")
    )
    exists, is_absent = ({"key": "app", "operator": operator} for operator in ("Exists", "DoesNotExist"))

    async with api_of(plane) as api:
        counts = [
            len((await api.get(f"/api/v1/namespaces/{namespace}/pods", {"labelSelector": text}))["items"])
            for text in (selector_text({"matchExpressions": [each]}) for each in (in_, not_in, exists, is_absent))
        ]

    assert counts == [1, 0, 1, 0]


def test_odd_values_in_a_pod_template_are_read_or_called_unknown(
    plane: ControlPlane, namespace: str, service: Service, operator: None
) -> None:
    create_target(plane, namespace, service)
    odd = {"name": "app", "env": [{"name": "WEB_CONCURRENCY", "value": "²"}], "resources": {"limits": {"cpu": "1k"}}}
    body = {"spec": {"template": {"spec": {"containers": [odd]}}}}
    path = f"{DEPLOYMENTS.format(namespace)}/checkout"
    plane.call("PATCH", path, body, "application/strategic-merge-patch+json")
    settle(plane, namespace)
    service.requests_per_second = service.offered_per_second = 50.0
    create_tuning(plane, namespace, mode="Auto")

    eventually(lambda: condition_of(plane, namespace, "Ready") == ("True", "Tuning"), "the target is read")
    assert condition_of(plane, namespace, "OneWorkerPerPod") == ("Unknown", "WorkersUnknown")


def test_it_ends_at_once_and_in_order_when_it_is_told_to(
    plane: ControlPlane, namespace: str, service: Service, operator: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    create_target(plane, namespace, service)
    overload(service)
    create_tuning(plane, namespace, mode="Auto")
    eventually(lambda: replicas_of(plane, namespace) == 2, "it works")

    told = time.monotonic()
    operator.terminate()

    assert operator.wait(timeout=20) == 0
    assert time.monotonic() - told < 2.0
    lines = [json.loads(line) for line in (tmp_path / "operator.log").read_text().splitlines()]
    assert lines, "every line is JSON"
    assert [line for line in lines if line["levelname"] in ("ERROR", "CRITICAL", "WARNING")] == []
