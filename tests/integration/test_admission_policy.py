"""The operator's own account on a real API server, with the rights and policies of the chart: its moves pass, and
whoever steals its token can do no more than the operator does."""

import asyncio
import base64
import copy
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from fastapi_tuning.act.environment import apply_environment, restart_pods
from fastapi_tuning.act.live import set_settings
from fastapi_tuning.act.replicas import set_replicas
from fastapi_tuning.api.agent import RESTARTED_AT_ANNOTATION, SETTINGS_ANNOTATION, PodSettings
from fastapi_tuning.api_server import KubernetesApi
from fastapi_tuning.control.knobs import ENFORCING_VALUE, ENFORCING_VARIABLE, VARIABLES, WORKER_VARIABLES
from fastapi_tuning.observe.workloads import deployment_path
from fastapi_tuning.webhooks.certificates import renewed
from tests.integration.conftest import eventually
from tests.integration.control_plane import ControlPlane, Refused
from tests.integration.installed_chart import (
    ACCOUNT,
    COLLECTIONS,
    JSON_PATCH,
    SYSTEM,
    assert_refused_to_the_operator,
    installed,
)
from tests.integration.test_operator_on_a_real_api_server import api_of
from tests.unit.chart.conftest import rendered

Json = dict[str, Any]
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
TEMPLATE: Json = {
    "metadata": {"labels": {"app": "checkout"}, "annotations": {"team": "shop", "kubectl.kubernetes.io/x": "1"}},
    "spec": {
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "initContainers": [{"name": "migrate", "image": "registry/app:1"}],
        "containers": [
            {
                "name": "app",
                "image": "registry/app:1",
                "command": ["uvicorn", "app:app"],
                "env": [{"name": "DATABASE_URL", "value": "one"}, {"name": "LOG_LEVEL", "value": "$(DATABASE_URL)"}],
            },
            {"name": "proxy", "image": "registry/proxy:1"},
        ],
    },
}


@pytest.fixture(scope="module")
def account(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The API server for the operator's account, once its policies are in force."""
    with installed(plane, rendered(), tmp_path_factory.mktemp("account")) as operator:
        yield operator


@pytest.fixture
def deployment(plane: ControlPlane, namespace: str) -> str:
    """Path of a Deployment with what real ones have, set by somebody else."""
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "checkout"}}, "template": copy.deepcopy(TEMPLATE)}
    body = {"metadata": {"name": "checkout", "labels": {"app": "checkout"}}, "spec": spec}
    plane.call("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments?fieldManager=helm", body)
    return deployment_path(namespace, "checkout")


@pytest.fixture
def pod(plane: ControlPlane, namespace: str) -> str:
    metadata = {"name": "checkout-0", "labels": {"app": "checkout"}, "annotations": {"team": "shop"}}
    body = {"metadata": metadata, "spec": TEMPLATE["spec"]}
    plane.call("POST", f"/api/v1/namespaces/{namespace}/pods", body)
    return f"/api/v1/namespaces/{namespace}/pods/checkout-0"


def acting(account: ControlPlane, move: Callable[[KubernetesApi], Awaitable[object]]) -> None:
    """Carry out a move of the operator, through its own door, as its own account."""

    async def act() -> None:
        async with api_of(account) as api:
            await move(api)

    asyncio.run(act())


def environment(plane: ControlPlane, deployment: str, container: int = 0) -> dict[str, str]:
    found = plane.call("GET", deployment)["spec"]["template"]["spec"]["containers"][container]
    return {each["name"]: each["value"] for each in found.get("env", [])}


OURS = dict.fromkeys((*VARIABLES.values(), *WORKER_VARIABLES), "80") | {ENFORCING_VARIABLE: ENFORCING_VALUE}
THEIRS = {"DATABASE_URL": "one", "LOG_LEVEL": "$(DATABASE_URL)"}


@pytest.mark.parametrize(("container", "before"), [(0, THEIRS), (1, {})], ids=["first", "second, without any"])
def test_every_variable_of_ours_can_be_set_changed_and_given_up(
    plane: ControlPlane, account: ControlPlane, deployment: str, container: int, before: dict[str, str]
) -> None:
    name = TEMPLATE["spec"]["containers"][container]["name"]

    acting(account, lambda api: apply_environment(api, deployment, "checkout", name, OURS))
    assert environment(plane, deployment, container) == before | OURS

    changed = OURS | {"UVICORN_WORKERS": "1"}
    acting(account, lambda api: apply_environment(api, deployment, "checkout", name, changed))
    assert environment(plane, deployment, container) == before | changed

    acting(account, lambda api: apply_environment(api, deployment, "checkout", name, {}))
    assert environment(plane, deployment, container) == before


def test_a_variable_that_somebody_set_from_elsewhere_does_not_stand_in_the_way(
    plane: ControlPlane, account: ControlPlane, deployment: str
) -> None:
    entry = {"name": "WEB_CONCURRENCY", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "workers"}}}
    body = {"spec": {"template": {"spec": {"containers": [{"name": "app", "env": [entry]}]}}}}
    plane.call("PATCH", deployment, body, STRATEGIC)

    variables = {"FASTAPI_TUNING_THREAD_POOL_SIZE": "80"}
    acting(account, lambda api: apply_environment(api, deployment, "checkout", "app", variables))

    found = plane.call("GET", deployment)["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {each["name"] for each in found} == {*THEIRS, "WEB_CONCURRENCY", *variables}


def test_pods_can_be_restarted_and_scaled(plane: ControlPlane, account: ControlPlane, deployment: str) -> None:
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    acting(account, lambda api: restart_pods(api, deployment, "checkout", "app", {}, now))
    version = plane.call("GET", deployment)["metadata"]["resourceVersion"]
    acting(account, lambda api: set_replicas(api, deployment, 5, version))

    found = plane.call("GET", deployment)["spec"]
    assert found["template"]["metadata"]["annotations"][RESTARTED_AT_ANNOTATION] == "2026-11-24T12:00:00Z"
    assert found["replicas"] == 5


def test_settings_can_be_handed_to_a_running_pod_and_taken_away(
    plane: ControlPlane, account: ControlPlane, namespace: str, pod: str
) -> None:
    text = PodSettings(generation=1, document='{"threads":80}').text()

    def hand_over(given: str | None) -> str | None:
        async def without_failures(api: KubernetesApi) -> None:
            assert await set_settings(api, namespace, {"checkout-0": given}) == {}

        acting(account, without_failures)
        found: str | None = plane.call("GET", pod)["metadata"]["annotations"].get(SETTINGS_ANNOTATION)
        return found

    assert [hand_over(text), hand_over(None)] == [text, None]


CONTAINER = "/spec/template/spec/containers/0"
TEMPLATE_CHANGES: dict[str, Json] = {
    "image": {"op": "replace", "path": f"{CONTAINER}/image", "value": "evil"},
    "image of a sidecar": {"op": "replace", "path": "/spec/template/spec/containers/1/image", "value": "evil"},
    "image of an init container": {"op": "replace", "path": "/spec/template/spec/initContainers/0/image", "value": "e"},
    "command": {"op": "replace", "path": f"{CONTAINER}/command", "value": ["sh"]},
    "arguments": {"op": "add", "path": f"{CONTAINER}/args", "value": ["-c", "id"]},
    "another container": {
        "op": "add",
        "path": "/spec/template/spec/containers/-",
        "value": {"name": "x", "image": "e"},
    },
    "one container less": {"op": "remove", "path": "/spec/template/spec/containers/1"},
    "a container under another name": {"op": "replace", "path": f"{CONTAINER}/name", "value": "other"},
    "another init container": {
        "op": "add",
        "path": "/spec/template/spec/initContainers/-",
        "value": {"name": "x", "image": "evil"},
    },
    "another volume": {
        "op": "add",
        "path": "/spec/template/spec/volumes/-",
        "value": {"name": "host", "hostPath": {"path": "/"}},
    },
    "a volume of another kind": {
        "op": "replace",
        "path": "/spec/template/spec/volumes/0",
        "value": {"name": "scratch", "hostPath": {"path": "/"}},
    },
    "a mount": {"op": "add", "path": f"{CONTAINER}/volumeMounts", "value": [{"name": "scratch", "mountPath": "/app"}]},
    "a lifecycle hook": {
        "op": "add",
        "path": f"{CONTAINER}/lifecycle",
        "value": {"postStart": {"exec": {"command": ["id"]}}},
    },
    "a probe": {"op": "add", "path": f"{CONTAINER}/livenessProbe", "value": {"exec": {"command": ["id"]}}},
    "security context": {"op": "add", "path": f"{CONTAINER}/securityContext", "value": {"runAsUser": 0}},
    "security context of the pod": {
        "op": "replace",
        "path": "/spec/template/spec/securityContext",
        "value": {"runAsUser": 0},
    },
    "the node's network": {"op": "add", "path": "/spec/template/spec/hostNetwork", "value": True},
    "another account": {"op": "add", "path": "/spec/template/spec/serviceAccountName", "value": "admin"},
    "resources": {"op": "replace", "path": f"{CONTAINER}/resources", "value": {"requests": {"cpu": "64"}}},
    "a variable that is not ours": {
        "op": "add",
        "path": f"{CONTAINER}/env/-",
        "value": {"name": "LD_PRELOAD", "value": "/x"},
    },
    "the value of one that is not ours": {"op": "replace", "path": f"{CONTAINER}/env/0/value", "value": "two"},
    "one that is not ours less": {"op": "remove", "path": f"{CONTAINER}/env/1"},
    "those that are not ours in another order": {
        "op": "move",
        "from": f"{CONTAINER}/env/1",
        "path": f"{CONTAINER}/env/0",
    },
    "variables from a Secret": {
        "op": "add",
        "path": f"{CONTAINER}/envFrom",
        "value": [{"secretRef": {"name": "admin"}}],
    },
    "one of ours from a Secret": {
        "op": "add",
        "path": f"{CONTAINER}/env/-",
        "value": {"name": "WEB_CONCURRENCY", "valueFrom": {"secretKeyRef": {"name": "admin", "key": "token"}}},
    },
    "one of ours that is no number": {
        "op": "add",
        "path": f"{CONTAINER}/env/-",
        "value": {"name": "WEB_CONCURRENCY", "value": "1 --reload"},
    },
    "one of ours in an init container": {
        "op": "add",
        "path": "/spec/template/spec/initContainers/0/env",
        "value": [{"name": "WEB_CONCURRENCY", "value": "1"}],
    },
    "an annotation of the template": {
        "op": "add",
        "path": "/spec/template/metadata/annotations/sidecar.istio.io~1inject",
        "value": "false",
    },
    "one annotation of the template less": {"op": "remove", "path": "/spec/template/metadata/annotations/team"},
    "our restart annotation with another text": {
        "op": "add",
        "path": "/spec/template/metadata/annotations/fastapituning.io~1restarted-at",
        "value": "now",
    },
    "a label of the template": {"op": "add", "path": "/spec/template/metadata/labels/role", "value": "admin"},
    "replicas beside /scale": {"op": "replace", "path": "/spec/replicas", "value": 0},
    "strategy": {"op": "replace", "path": "/spec/strategy", "value": {"type": "Recreate"}},
    "a pause": {"op": "add", "path": "/spec/paused", "value": True},
    "a label": {"op": "add", "path": "/metadata/labels/role", "value": "admin"},
    "an annotation": {"op": "add", "path": "/metadata/annotations", "value": {"fastapituning.io/settings": "{}"}},
    "a finalizer": {"op": "add", "path": "/metadata/finalizers", "value": ["example.org/stuck"]},
}


@pytest.mark.parametrize("change", TEMPLATE_CHANGES.values(), ids=TEMPLATE_CHANGES.keys())
def test_nothing_else_in_a_deployment_can_be_changed(
    plane: ControlPlane, account: ControlPlane, deployment: str, change: Json
) -> None:
    assert_refused_to_the_operator(plane, account, deployment, change, "the operator")


POD_CHANGES: dict[str, Json] = {
    "image": {"op": "replace", "path": "/spec/containers/0/image", "value": "evil"},
    "image of an init container": {"op": "replace", "path": "/spec/initContainers/0/image", "value": "evil"},
    "a deadline": {"op": "add", "path": "/spec/activeDeadlineSeconds", "value": 1},
    "a toleration": {"op": "add", "path": "/spec/tolerations/-", "value": {"operator": "Exists"}},
    "a label": {"op": "replace", "path": "/metadata/labels/app", "value": "other"},
    "an annotation": {"op": "replace", "path": "/metadata/annotations/team", "value": "other"},
    "another annotation of our group": {
        "op": "add",
        "path": "/metadata/annotations/fastapituning.io~1inject",
        "value": "false",
    },
    "settings that are none": {
        "op": "add",
        "path": "/metadata/annotations/fastapituning.io~1settings",
        "value": "import os",
    },
    "more settings than there can be": {
        "op": "add",
        "path": "/metadata/annotations/fastapituning.io~1settings",
        "value": "{" + " " * 5000 + "}",
    },
    "a finalizer": {"op": "add", "path": "/metadata/finalizers", "value": ["example.org/stuck"]},
    "an owner": {
        "op": "add",
        "path": "/metadata/ownerReferences",
        "value": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "0"}],
    },
}


@pytest.mark.parametrize("change", POD_CHANGES.values(), ids=POD_CHANGES.keys())
def test_nothing_else_of_a_pod_can_be_changed(
    plane: ControlPlane, account: ControlPlane, pod: str, change: Json
) -> None:
    assert_refused_to_the_operator(plane, account, pod, change, "the operator")


WEBHOOK = f"{COLLECTIONS['MutatingWebhookConfiguration']}/{ACCOUNT}"
WEBHOOK_CHANGES: dict[str, Json] = {
    "failure policy": {"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Fail"},
    "address": {"op": "replace", "path": "/webhooks/0/clientConfig", "value": {"url": "https://evil.example"}},
    "path": {"op": "replace", "path": "/webhooks/0/clientConfig/service/path", "value": "/other"},
    "rules": {"op": "replace", "path": "/webhooks/0/rules/0/resources", "value": ["secrets"]},
    "namespaces": {"op": "replace", "path": "/webhooks/0/namespaceSelector", "value": {}},
    "one less": {"op": "remove", "path": "/webhooks/0"},
    "a label": {"op": "add", "path": "/metadata/labels/role", "value": "admin"},
}


@pytest.mark.parametrize("change", WEBHOOK_CHANGES.values(), ids=WEBHOOK_CHANGES.keys())
def test_nothing_else_of_the_webhook_can_be_changed(plane: ControlPlane, account: ControlPlane, change: Json) -> None:
    assert_refused_to_the_operator(plane, account, WEBHOOK, change, "the operator changes nothing of its webhook")


def test_the_authorities_that_the_webhook_is_trusted_by_can_be_changed(
    plane: ControlPlane, account: ControlPlane
) -> None:
    (name,) = (each["name"] for each in plane.call("GET", WEBHOOK)["webhooks"])
    bundle = base64.b64encode(renewed(None, ("operator.svc",), datetime.now(UTC)).authorities).decode()
    account.call("PATCH", WEBHOOK, {"webhooks": [{"name": name, "clientConfig": {"caBundle": bundle}}]}, STRATEGIC)

    assert plane.call("GET", WEBHOOK)["webhooks"][0]["clientConfig"]["caBundle"] == bundle


@pytest.fixture
def administrator(plane: ControlPlane, account: ControlPlane) -> Iterator[ControlPlane]:
    """The operator's account after somebody gave it every right in the cluster."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": SYSTEM}
    bindings = COLLECTIONS["ClusterRoleBinding"]
    plane.call("POST", bindings, {"metadata": {"name": "careless"}, "roleRef": role, "subjects": [subject]})

    def powerful() -> bool:
        with suppress(Refused):
            account.call("GET", "/api/v1/nodes")
            return True
        return False

    eventually(powerful, "the rights are there")
    yield account
    plane.call("DELETE", f"{bindings}/careless")


def test_with_every_right_it_can_still_make_and_remove_no_workload(
    administrator: ControlPlane, namespace: str, deployment: str, pod: str
) -> None:
    spec, labels = TEMPLATE["spec"], {"matchLabels": {"app": "x"}}
    template = {"metadata": {"labels": {"app": "x"}}, "spec": spec}
    apps = f"/apis/apps/v1/namespaces/{namespace}"
    job = {**template, "spec": {**spec, "restartPolicy": "Never"}}
    binding = {"metadata": {"name": "checkout-0"}, "target": {"kind": "Node", "name": "node-1"}}
    status = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    tried: list[tuple[str, str, Json | None, str]] = [
        ("POST", f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": "x"}, "spec": spec}, ""),
        (
            "POST",
            f"{apps}/deployments",
            {"metadata": {"name": "x"}, "spec": {"selector": labels, "template": template}},
            "",
        ),
        (
            "POST",
            f"{apps}/daemonsets",
            {"metadata": {"name": "x"}, "spec": {"selector": labels, "template": template}},
            "",
        ),
        (
            "POST",
            f"/apis/batch/v1/namespaces/{namespace}/jobs",
            {"metadata": {"name": "x"}, "spec": {"template": job}},
            "",
        ),
        ("DELETE", pod, None, ""),
        ("DELETE", deployment, None, ""),
        ("DELETE", f"{apps}/deployments", None, ""),
        ("POST", f"{pod}/binding", binding, ""),
        ("PATCH", f"{pod}/status", status, MERGE),
        ("PATCH", f"{deployment}/status", {"status": {"replicas": 0}}, MERGE),
        ("POST", f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{ACCOUNT}/token", {"spec": {}}, ""),
    ]

    for method, path, body, content_type in tried:
        with pytest.raises(Refused, match="no other part of a workload") as refusal:
            administrator.call(method, path, body, content_type or "application/json")
        assert refusal.value.status == 422, path


def test_what_others_write_is_not_looked_at(plane: ControlPlane, account: ControlPlane, deployment: str) -> None:
    for change in TEMPLATE_CHANGES.values():
        plane.call("PATCH", f"{deployment}?dryRun=All", [change], JSON_PATCH)
