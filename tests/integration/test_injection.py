"""The webhook as the real API server calls it, the certificates it is trusted by, and settings in running pods."""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient
from prometheus_client import CollectorRegistry

from fastapi_tuning.act.live import set_settings
from fastapi_tuning.api.tuning import FastAPITuning, tuning_of
from fastapi_tuning.api_server import ApiServer, KubernetesApi
from fastapi_tuning.errors import Conflict
from fastapi_tuning.report.metrics import OperatorMetrics
from fastapi_tuning.webhooks.injection import AgentSource
from fastapi_tuning.webhooks.keeper import CertificateKeeper
from fastapi_tuning.webhooks.listener import CertificateFiles, WebhookServer
from fastapi_tuning.webhooks.server import INJECT_PATH, Injector, webhook
from tests.integration.conftest import eventually
from tests.integration.control_plane import ControlPlane, Refused
from tests.integration.fake_prometheus import Service
from tests.integration.test_operator_on_a_real_api_server import (
    DEPLOYMENTS,
    TUNINGS,
    condition_of,
    create_target,
    create_tuning,
    settle,
    status_of,
)

Json = dict[str, Any]
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
SETTINGS = "fastapituning.io/settings"
AMOUNTS = {"cpu": "200m", "memory": "128Mi"}
RESTRICTED = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "app",
            "image": "none",
            "resources": {"requests": AMOUNTS, "limits": AMOUNTS},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pod_of_deployment(name: str, spec: Json) -> Json:
    """As the ReplicaSet controller would create it."""
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "checkout-5f6",
        "uid": str(uuid.uuid4()),
        "controller": True,
    }
    labels = {"app": "checkout", "pod-template-hash": "5f6"}
    return {"metadata": {"name": name, "labels": labels, "ownerReferences": [owner]}, "spec": spec}


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook that the API server calls under a loopback address, for one namespace."""

    plane: ControlPlane
    namespace: str
    name: str
    port: int

    def create_pod(self, name: str, spec: Json, *, dry_run: bool = False) -> Json:
        path = f"/api/v1/namespaces/{self.namespace}/pods" + ("?dryRun=All" if dry_run else "")
        return self.plane.call("POST", path, pod_of_deployment(name, spec))

    def injects(self) -> bool:
        """Tried without a trace."""
        return is_injected(self.create_pod(f"probe-{uuid.uuid4().hex[:8]}", RESTRICTED, dry_run=True))

    def authorities(self) -> str:
        found = self.plane.call("GET", f"{CONFIGURATIONS}/{self.name}")
        return str(found["webhooks"][0]["clientConfig"].get("caBundle", ""))

    def served(self) -> x509.Certificate:
        """The certificate of a new connection."""
        return x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", self.port)).encode())


def missing_agents(hook: Webhook) -> str:
    """What the condition AgentInjected says while it is False."""
    conditions = status_of(hook.plane, hook.namespace).get("conditions", [])
    found = [each for each in conditions if each["type"] == "AgentInjected" and each["status"] == "False"]
    return str(found[0]["message"]) if found else ""


def is_injected(pod: Json) -> bool:
    return "fastapituning.io/agent" in pod["metadata"].get("annotations", {})


@pytest.fixture
def hook(plane: ControlPlane, namespace: str) -> Iterator[Webhook]:
    """Configuration and empty Secret, as the chart makes them; nobody listens yet."""
    made = Webhook(plane=plane, namespace=namespace, name=namespace, port=free_port())
    configuration = {
        "metadata": {"name": made.name},
        "webhooks": [
            {
                "name": "inject-agent.fastapituning.io",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "NoneOnDryRun",
                "failurePolicy": "Ignore",
                "timeoutSeconds": 2,
                "clientConfig": {"url": f"https://127.0.0.1:{made.port}{INJECT_PATH}"},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            }
        ],
    }
    plane.call("POST", CONFIGURATIONS, configuration)
    plane.call("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": "webhook"}})
    yield made
    plane.call("DELETE", f"{CONFIGURATIONS}/{made.name}")


@contextmanager
def injecting_operator(hook: Webhook, service: Service, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The real process with its webhook; ended at the end, if it still runs."""
    certificates = directory / f"certificates-{uuid.uuid4().hex[:8]}"
    certificates.mkdir()
    options = [
        f"--prometheus-url={service.url}",
        f"--namespace={hook.namespace}",
        "--port=0",
        "--agent-image=registry.test/operator:1",
        f"--webhook-port={hook.port}",
        f"--webhook-certificates={certificates}",
        f"--webhook-secret={hook.namespace}/webhook",
        f"--webhook-configuration={hook.name}",
        "--webhook-name=127.0.0.1",
    ]
    log_path = directory / "operator.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fastapi_tuning.cli.main", "run", *options],
            env={**os.environ, "KUBECONFIG": str(hook.plane.kubeconfig)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
        assert process.poll() is None, log_path.read_text()[-4000:]
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def injector(hook: Webhook, service: Service, tmp_path: Path) -> Iterator[Webhook]:
    """An operator whose webhook is up, and a tuned Deployment."""
    create_target(hook.plane, hook.namespace, service)
    create_tuning(
        hook.plane, hook.namespace, mode="Auto", uvicorn={"timeoutKeepAlive": {"mode": "Auto", "min": 30, "max": 30}}
    )
    with injecting_operator(hook, service, tmp_path):
        eventually(hook.injects, "new pods get the agent")
        yield hook


def test_a_new_pod_of_a_tuned_deployment_gets_the_agent_and_its_start_values(injector: Webhook) -> None:
    pod = injector.create_pod("checkout-new", RESTRICTED)

    (app,) = pod["spec"]["containers"]
    (init,) = pod["spec"]["initContainers"]
    environment = {entry["name"]: entry["value"] for entry in app["env"]}
    assert environment["PYTHONPATH"] == "/fastapi-tuning-agent"
    assert init["image"] == "registry.test/operator:1"
    assert json.loads(pod["metadata"]["annotations"][SETTINGS])["objectiveMilliseconds"] == 500


def test_the_agent_fits_into_a_restricted_namespace_with_limits_and_a_quota(injector: Webhook) -> None:
    path = f"/api/v1/namespaces/{injector.namespace}"
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    injector.plane.call("PATCH", path, label, "application/merge-patch+json")
    bounds = {"type": "Container", "min": {"cpu": "100m", "memory": "64Mi"}, "max": {"cpu": "300m", "memory": "256Mi"}}
    injector.plane.call("POST", f"{path}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": [bounds]}})
    settings_of_the_namespace_are_in_force = {"securityContext": {}, "containers": [{"name": "app", "image": "none"}]}

    def refuses_others() -> bool:
        try:
            injector.create_pod("unfit", settings_of_the_namespace_are_in_force, dry_run=True)
        except Refused as refused:
            return refused.status == 403
        return False

    eventually(refuses_others, "the namespace is restricted")
    pod = injector.create_pod("checkout-fit", RESTRICTED)
    assert is_injected(pod)
    assert pod["status"]["qosClass"] == "Guaranteed"


def test_a_pod_of_nobody_is_left_alone(injector: Webhook) -> None:
    other = pod_of_deployment("other-1", RESTRICTED)
    other["metadata"]["ownerReferences"][0]["name"] = "other-5f6"
    pod = injector.plane.call("POST", f"/api/v1/namespaces/{injector.namespace}/pods", other)
    assert not is_injected(pod)
    assert "initContainers" not in pod["spec"]


def test_a_pod_without_room_is_created_and_an_event_says_why(injector: Webhook) -> None:
    (app,) = RESTRICTED["containers"]
    assert isinstance(app, dict)
    path = {"name": "PYTHONPATH", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    pod = injector.create_pod("checkout-odd", {**RESTRICTED, "containers": [{**app, "env": [path]}]})
    assert not is_injected(pod)

    def said() -> bool:
        events = injector.plane.call("GET", f"/api/v1/namespaces/{injector.namespace}/events")["items"]
        return any(event["reason"] == "InjectionRefused" and "PYTHONPATH" in event["message"] for event in events)

    eventually(said, "the event")


def test_while_the_webhook_is_down_pods_start_without_the_agent_and_are_reported(
    hook: Webhook, service: Service, tmp_path: Path
) -> None:
    create_target(hook.plane, hook.namespace, service)
    create_tuning(hook.plane, hook.namespace, mode="Auto")
    with injecting_operator(hook, service, tmp_path):
        eventually(hook.injects, "new pods get the agent")

    started = time.monotonic()
    pod = hook.create_pod("checkout-missed", RESTRICTED)
    assert time.monotonic() - started < 5
    assert not is_injected(pod)

    with injecting_operator(hook, service, tmp_path):
        eventually(lambda: "checkout-missed" in missing_agents(hook), "it is reported")


def test_a_setting_reaches_a_running_pod_and_its_acknowledgement_is_read(
    hook: Webhook, service: Service, tmp_path: Path
) -> None:
    plane, namespace = hook.plane, hook.namespace
    pods = f"/api/v1/namespaces/{namespace}/pods"
    create_target(plane, namespace, service)
    # Suspended at first, so that the pod without the agent is no reason for a restart.
    keep_alive = {"timeoutKeepAlive": {"mode": "Auto", "min": 30, "max": 30}}
    create_tuning(plane, namespace, mode="Auto", suspend=True, uvicorn=keep_alive)

    def asked() -> Json:
        found: Json = json.loads(plane.call("GET", f"{pods}/checkout-live")["metadata"]["annotations"][SETTINGS])
        return found

    with injecting_operator(hook, service, tmp_path):
        eventually(hook.injects, "new pods get the agent")
        hook.create_pod("checkout-live", RESTRICTED)
        assert "timeoutKeepAliveSeconds" not in asked()
        plane.call("DELETE", f"{pods}/checkout-0?gracePeriodSeconds=0")
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        plane.call("PATCH", f"{pods}/checkout-live/status", {"status": ready}, "application/merge-patch+json")
        service.pods = ("checkout-live",)
        service.requests_per_second = service.offered_per_second = 20.0
        before = plane.call("GET", f"{DEPLOYMENTS.format(namespace)}/checkout")["metadata"]["generation"]
        resume = {"spec": {"suspend": False}}
        plane.call("PATCH", f"{TUNINGS.format(namespace)}/checkout", resume, "application/merge-patch+json")

        eventually(lambda: asked().get("timeoutKeepAliveSeconds") == 30, "the setting is in the annotation")
        service.generation = asked()["generation"]
        eventually(lambda: condition_of(plane, namespace, "SettingsAcknowledged")[0] == "True", "it is acknowledged")
        after = plane.call("GET", f"{DEPLOYMENTS.format(namespace)}/checkout")["metadata"]["generation"]
        assert after == before, "the Deployment is not touched"


def test_the_first_agent_comes_by_one_restart_that_is_announced(injector: Webhook, service: Service) -> None:
    plane, namespace = injector.plane, injector.namespace
    service.requests_per_second = service.offered_per_second = 20.0

    def restarted() -> bool:
        template = plane.call("GET", f"{DEPLOYMENTS.format(namespace)}/checkout")["spec"]["template"]
        return "fastapituning.io/restarted-at" in template["metadata"].get("annotations", {})

    eventually(restarted, "the pods are told to restart")
    deployment = plane.call("GET", f"{DEPLOYMENTS.format(namespace)}/checkout")
    generation = deployment["metadata"]["generation"]
    owners = [entry["manager"] for entry in deployment["metadata"]["managedFields"] if entry["operation"] == "Apply"]
    assert owners == ["fastapi-tuning-operator"]
    settle(plane, namespace)
    events = plane.call("GET", f"/api/v1/namespaces/{namespace}/events")["items"]
    assert any(event["reason"] == "AgentMissing" and event["type"] == "Normal" for event in events)
    seen = status_of(plane, namespace)["live"].get("injectionTime")
    eventually(lambda: status_of(plane, namespace)["live"].get("injectionTime") == seen, "one cycle later", seconds=10)
    after = plane.call("GET", f"{DEPLOYMENTS.format(namespace)}/checkout")["metadata"]["generation"]
    assert after == generation, "at most one restart in half an hour"


@asynccontextmanager
async def api_of(plane: ControlPlane) -> AsyncIterator[ApiServer]:
    await config.load_kube_config(config_file=str(plane.kubeconfig))  # type: ignore[no-untyped-call]
    async with ApiClient() as client:
        yield KubernetesApi(client)


def keeper(api: ApiServer, hook: Webhook, directory: Path, at: datetime) -> CertificateKeeper:
    directory.mkdir(exist_ok=True)
    return CertificateKeeper(
        api=api,
        secret_path=f"/api/v1/namespaces/{hook.namespace}/secrets/webhook",
        configuration_path=f"{CONFIGURATIONS}/{hook.name}",
        names=("127.0.0.1",),
        directory=directory,
        now=lambda: at,
    )


@asynccontextmanager
async def served(hook: Webhook, directory: Path) -> AsyncIterator[None]:
    """The webhook alone, in this process, for a tuning named checkout."""
    body = {
        "metadata": {
            "namespace": hook.namespace,
            "name": "checkout",
            "uid": "u",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"targetRef": {"name": "checkout"}, "mode": "Auto"},
    }
    tuning = tuning_of(body)
    assert isinstance(tuning, FastAPITuning)

    async def refused(_: FastAPITuning, message: str) -> None:
        raise AssertionError(message)

    injector = Injector(
        naming=lambda _, target: [tuning] if target == "checkout" else [],
        wanted=lambda _: True,
        settings=lambda _: '{"generation":1}',
        source=AgentSource(image="i", pull_policy="Always", metrics_port=9964),
        metrics=OperatorMetrics(CollectorRegistry()),
        refused=refused,
    )
    server = WebhookServer(webhook(injector), CertificateFiles(directory))
    running = asyncio.create_task(server.run_on(lambda: socket.create_server(("127.0.0.1", hook.port))))
    try:
        yield
    finally:
        server.should_exit = True
        await running


async def eventually_async(check: Any, what: str) -> None:
    await asyncio.to_thread(eventually, check, what)


async def test_authority_and_certificate_are_renewed_under_a_server_that_goes_on(hook: Webhook, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    directory = tmp_path / "certificates"
    async with api_of(hook.plane) as api:
        await keeper(api, hook, directory, now - timedelta(days=250)).keep()
        await keeper(api, hook, directory, now - timedelta(days=8)).keep()
        async with served(hook, directory):
            await eventually_async(hook.injects, "injected under the old authority")
            old, trusted = await asyncio.to_thread(hook.served), await asyncio.to_thread(hook.authorities)

            await keeper(api, hook, directory, now).keep()
            await eventually_async(lambda: hook.served() != old, "the new certificate is served")
            await eventually_async(hook.injects, "injected under the new authority")
            new = await asyncio.to_thread(hook.served)
    assert new.issuer != old.issuer
    assert await asyncio.to_thread(hook.authorities) != trusted


async def test_two_operators_agree_on_one_certificate(hook: Webhook, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    async with api_of(hook.plane) as api:
        keepers = [keeper(api, hook, tmp_path / name, now) for name in ("one", "two")]
        results = await asyncio.gather(*(each.keep() for each in keepers), return_exceptions=True)
        assert all(result is None or isinstance(result, Conflict) for result in results), results
        for each in keepers:
            await each.keep()
    assert (tmp_path / "one" / "tls.crt").read_bytes() == (tmp_path / "two" / "tls.crt").read_bytes()


async def test_fifty_pods_are_written_to_within_a_second(plane: ControlPlane, namespace: str) -> None:
    names = [f"checkout-{index}" for index in range(50)]

    def create() -> None:
        for name in names:
            plane.call("POST", f"/api/v1/namespaces/{namespace}/pods", pod_of_deployment(name, RESTRICTED))

    await asyncio.to_thread(create)
    async with api_of(plane) as api:
        durations = []
        for generation in range(1, 6):
            started = time.monotonic()
            failures = await set_settings(api, namespace, dict.fromkeys(names, f'{{"generation":{generation}}}'))
            durations.append(time.monotonic() - started)
            assert failures == {}
    print(f"50 pods: {', '.join(f'{duration * 1000:.0f} ms' for duration in durations)}")
    assert sorted(durations)[len(durations) // 2] < 0.7, "the agent needs 0.3 s of the second"
