"""Requests and limits on a real API server, with the policy of the chart: divided with the workers, and given back."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from fastapi_tuning.act.environment import apply_environment
from fastapi_tuning.act.resources import set_resources
from fastapi_tuning.api.resources import ResourceQuantity
from fastapi_tuning.api.spec import TargetReference
from fastapi_tuning.api_server import KubernetesApi
from fastapi_tuning.observe.controllers import NO_CONTROLLERS
from fastapi_tuning.observe.workloads import Target, deployment_path, read_target
from tests.integration.control_plane import ControlPlane
from tests.integration.installed_chart import assert_refused_to_the_operator, installed
from tests.integration.test_operator_on_a_real_api_server import api_of
from tests.unit.chart.conftest import rendered

Json = dict[str, Any]
RESOURCES: Json = {
    "requests": {"cpu": "1", "memory": "512Mi", "ephemeral-storage": "1Gi"},
    "limits": {"memory": "512Mi"},
}
CONTAINER: Json = {
    "name": "app",
    "image": "registry/app:1",
    "command": ["uvicorn", "app:app", "--workers", "2"],
    "env": [{"name": "LOG_LEVEL", "value": "info"}],
    "resources": RESOURCES,
}
ONE_WORKER = {"UVICORN_WORKERS": "1"}
DIVIDED = (
    ResourceQuantity(kind="requests", resource="cpu", quantity="500m"),
    ResourceQuantity(kind="requests", resource="memory", quantity="256Mi"),
    ResourceQuantity(kind="limits", resource="memory", quantity="256Mi"),
)


@pytest.fixture(scope="module")
def account(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    manifests = rendered("workers.divideResources=true")
    with installed(plane, manifests, tmp_path_factory.mktemp("account")) as operator:
        yield operator


@pytest.fixture
def deployment(plane: ControlPlane, namespace: str) -> str:
    """Path of a Deployment that helm made, with a sidecar that reserves nothing."""
    labels = {"app": "checkout"}
    containers = [copy.deepcopy(CONTAINER), {"name": "proxy", "image": "registry/proxy:1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    body = {"metadata": {"name": "checkout"}, "spec": spec}
    plane.call("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments?fieldManager=helm", body)
    return deployment_path(namespace, "checkout")


def acting(account: ControlPlane, move: Callable[[KubernetesApi], Awaitable[Any]]) -> Any:
    async def act() -> Any:
        async with api_of(account) as api:
            return await move(api)

    return asyncio.run(act())


def container(plane: ControlPlane, deployment: str) -> Json:
    found: Json = plane.call("GET", deployment)["spec"]["template"]["spec"]["containers"][0]
    return found


def variables(plane: ControlPlane, deployment: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(plane, deployment)["env"]}


def seen(account: ControlPlane, deployment: str) -> Target:
    reference, namespace = TargetReference(name="checkout", container_name="app"), deployment.split("/")[5]
    target = acting(account, lambda api: read_target(api, namespace, reference, NO_CONTROLLERS))
    assert isinstance(target, Target)
    return target


def divide(account: ControlPlane, deployment: str) -> None:
    version = seen(account, deployment).workload.scale_resource_version
    acting(account, lambda api: set_resources(api, deployment, "app", DIVIDED, ONE_WORKER, version))


def set_threads(account: ControlPlane, deployment: str, threads: str) -> dict[str, str]:
    """As a later move of a setting; all variables that are ours then."""
    applied = ONE_WORKER | {"FASTAPI_TUNING_THREAD_POOL_SIZE": threads}
    acting(account, lambda api: apply_environment(api, deployment, "checkout", "app", applied))
    return applied


def test_variables_and_quantities_change_together_and_are_ours(
    plane: ControlPlane, account: ControlPlane, deployment: str
) -> None:
    assert not any(each.is_ours for each in seen(account, deployment).workload.resources)
    generation = plane.call("GET", deployment)["metadata"]["generation"]

    divide(account, deployment)

    assert plane.call("GET", deployment)["metadata"]["generation"] == generation + 1, "one rollout"
    assert container(plane, deployment)["resources"] == {
        "requests": {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "1Gi"},
        "limits": {"memory": "256Mi"},
    }
    assert variables(plane, deployment) == {"LOG_LEVEL": "info", "UVICORN_WORKERS": "1"}
    target = seen(account, deployment)
    assert all(each.is_ours for each in target.workload.resources)
    assert target.own_variables == {"UVICORN_WORKERS"}


def test_settings_that_are_applied_later_leave_the_quantities_and_meet_no_conflict(
    plane: ControlPlane, account: ControlPlane, deployment: str
) -> None:
    divide(account, deployment)
    divided = container(plane, deployment)["resources"]

    for threads in ("80", "120"):
        applied = set_threads(account, deployment, threads)
        assert variables(plane, deployment) == {"LOG_LEVEL": "info", **applied}
        assert container(plane, deployment)["resources"] == divided


def test_everything_is_given_back_in_one_change(plane: ControlPlane, account: ControlPlane, deployment: str) -> None:
    divide(account, deployment)
    set_threads(account, deployment, "80")
    before = (
        ResourceQuantity(kind="requests", resource="cpu", quantity="1"),
        ResourceQuantity(kind="requests", resource="memory", quantity="512Mi"),
        ResourceQuantity(kind="limits", resource="memory", quantity="512Mi"),
    )

    gone = dict.fromkeys(seen(account, deployment).own_variables)
    acting(account, lambda api: set_resources(api, deployment, "app", before, gone))

    assert container(plane, deployment)["resources"] == RESOURCES
    assert variables(plane, deployment) == {"LOG_LEVEL": "info"}


def test_a_change_in_between_is_not_overwritten(plane: ControlPlane, account: ControlPlane, deployment: str) -> None:
    version = seen(account, deployment).workload.scale_resource_version
    plane.call("PATCH", deployment, {"metadata": {"labels": {"x": "y"}}}, "application/merge-patch+json")

    with pytest.raises(Exception, match="object has been modified"):
        acting(account, lambda api: set_resources(api, deployment, "app", DIVIDED, ONE_WORKER, version))


def test_resources_that_git_states_are_known_for_git_s(
    plane: ControlPlane, account: ControlPlane, namespace: str
) -> None:
    labels = {"app": "checkout"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [CONTAINER]}}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "checkout"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    path = deployment_path(namespace, "checkout")
    plane.call("PATCH", f"{path}?fieldManager=argocd-controller", body, "application/apply-patch+yaml")

    owners = {each.owner for each in seen(account, path).workload.resources}

    assert owners == {"argocd-controller (Apply)"}


_AT = "/spec/template/spec/containers"
CHANGES: dict[str, Json] = {
    "another resource": {"op": "replace", "path": f"{_AT}/0/resources/requests/ephemeral-storage", "value": "9Gi"},
    "a limit that was none": {"op": "add", "path": f"{_AT}/0/resources/limits/cpu", "value": "1"},
    "a limit less": {"op": "remove", "path": f"{_AT}/0/resources/limits/memory"},
    "no limits": {"op": "remove", "path": f"{_AT}/0/resources/limits"},
    "a device": {"op": "add", "path": f"{_AT}/0/resources/limits/example.org~1gpu", "value": "1"},
    "where there were none": {"op": "add", "path": f"{_AT}/1/resources", "value": {"limits": {"cpu": "1"}}},
    "image": {"op": "replace", "path": f"{_AT}/0/image", "value": "evil"},
    "command": {"op": "replace", "path": f"{_AT}/0/command", "value": ["sh"]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_nothing_else_of_a_container_can_be_changed(
    plane: ControlPlane, account: ControlPlane, deployment: str, change: Json
) -> None:
    assert_refused_to_the_operator(plane, account, deployment, change, "the operator changes")
