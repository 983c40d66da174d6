"""What we ask the Kubernetes API for, and what we take for an answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import unquote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio.client import ApiClient, Configuration

from fastapi_tuning.api.spec import TargetReference
from fastapi_tuning.api_server import KubernetesApi, PatchType, resource_path
from fastapi_tuning.errors import NotFound, TargetUnavailable, WriteRejected
from fastapi_tuning.observe.controllers import NO_CONTROLLERS
from fastapi_tuning.observe.workloads import deployment_path, read_target

WAY_OUT = "../../victim/deployments/checkout"


def test_paths_of_collections_objects_and_subresources_are_those_of_the_api_server() -> None:
    assert resource_path("example.io/v1", "apples") == "/apis/example.io/v1/apples"
    assert resource_path("v1", "pods", namespace="shop") == "/api/v1/namespaces/shop/pods"
    assert (
        resource_path("apps/v1", "deployments", namespace="shop", name="checkout", subresource="scale")
        == "/apis/apps/v1/namespaces/shop/deployments/checkout/scale"
    )


@given(namespace=st.text(), name=st.text() | st.sampled_from([WAY_OUT, "UPPER_case/..", "..", ".", "%2e%2e", "a?b#c"]))
def test_any_name_is_one_segment_behind_its_namespace_or_none_that_exists(namespace: str, name: str) -> None:
    try:
        path = deployment_path(namespace, name)
    except NotFound:
        assert {namespace, name} & {"", ".", ".."}
        return

    assert [unquote(part) for part in path.split("/")] == [
        *("", "apis", "apps", "v1"),
        *("namespaces", namespace, "deployments", name),
    ]
    assert not set(path) & set("?#")


@pytest.fixture
async def asked() -> AsyncIterator[tuple[KubernetesApi, list[str]]]:
    """An API that has nothing, over real HTTP, and the paths it was asked for as they stood in the request line."""
    paths: list[str] = []

    async def nothing(request: web.Request) -> web.Response:
        paths.append(request.raw_path)
        return web.json_response({"message": "nothing here"}, status=404)

    async with api_of(nothing) as api:
        yield api, paths


@asynccontextmanager
async def api_of(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[KubernetesApi]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(app) as server, ApiClient(Configuration(host=str(server.make_url("/"))[:-1])) as client:
        yield KubernetesApi(client)


@pytest.mark.parametrize("name", [WAY_OUT, "x/..", "%2e%2e/x", "checkout?watch=true", "checkout#x"])
async def test_a_name_that_points_elsewhere_reaches_the_server_as_a_name(
    asked: tuple[KubernetesApi, list[str]], name: str
) -> None:
    api, paths = asked

    with pytest.raises(NotFound):
        await read_target(api, "shop", TargetReference.model_construct(name=name, container_name=None), NO_CONTROLLERS)

    (path,) = paths
    assert path.startswith("/apis/apps/v1/namespaces/shop/deployments/")
    assert path.count("/") == 7
    assert unquote(path.rsplit("/", 1)[1]) == name


@pytest.mark.parametrize("name", ["..", ".", ""])
async def test_a_name_that_is_a_directory_is_not_asked_for(asked: tuple[KubernetesApi, list[str]], name: str) -> None:
    api, paths = asked

    with pytest.raises(NotFound):
        await read_target(api, "shop", TargetReference.model_construct(name=name, container_name=None), NO_CONTROLLERS)

    assert paths == []


@pytest.mark.parametrize("text", ["[]", '"ok"', "5", "<html>", "\udcff", '{"a":' * 5000])
@pytest.mark.parametrize("status", [200, 404, 500])
async def test_an_answer_that_is_no_object_is_an_error_of_ours(text: str, status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=text.encode("utf-8", "surrogateescape"), status=status)

    async with api_of(answer) as api:
        with pytest.raises(TargetUnavailable):
            await api.get("/version")
        with pytest.raises(WriteRejected):
            await api.patch("/version", {}, PatchType.MERGE)


async def test_an_api_group_that_nobody_serves_has_no_objects() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="404 page not found\n", status=404)

    async with api_of(answer) as api:
        with pytest.raises(NotFound):
            await api.get(resource_path("keda.sh/v1alpha1", "scaledobjects", namespace="shop"))


async def test_a_log_is_text_and_a_refusal_of_it_an_error() -> None:
    answers = {
        "/log": web.Response(body=b'{"no": "object"}\nof JSON \xff\n'),
        "/none": web.json_response({"message": "no such pod"}, status=404),
        "/refused": web.json_response({"message": "pods is forbidden"}, status=403),
    }

    async def answer(request: web.Request) -> web.Response:
        return answers[request.path]

    async with api_of(answer) as api:
        assert await api.text("/log") == '{"no": "object"}\nof JSON \ufffd\n'
        with pytest.raises(NotFound, match="no such pod"):
            await api.text("/none")
        with pytest.raises(TargetUnavailable, match="403: pods is forbidden"):
            await api.text("/refused")


async def test_what_is_removed_goes_with_all_that_belongs_to_it_and_may_be_gone_already() -> None:
    asked: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.method, request.raw_path))
        status = {"/there": 200, "/gone": 404, "/refused": 403}[request.path]
        return web.json_response({"message": "jobs is forbidden"}, status=status)

    async with api_of(answer) as api:
        await api.delete("/there")
        await api.delete("/gone")
        with pytest.raises(WriteRejected, match="403: jobs is forbidden"):
            await api.delete("/refused")
    assert asked[0] == ("DELETE", "/there?propagationPolicy=Foreground")
