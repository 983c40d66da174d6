"""What the API server is asked as whom, and what is made of its answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import ApiClient, Configuration
from pydantic import SecretStr

from fastapi_tuning.errors import AccessUnknown, CannotStart, NotAllowed, NotSignedIn
from fastapi_tuning.web.access import IDENTITY_PATH, REVIEW_PATH, Question, Verb
from fastapi_tuning.web.reviews import KubernetesReviews, nobodys_client

TOKEN = SecretStr("the.callers.token")
QUESTION = Question(verb=Verb.LIST, namespace="shop")

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def reviews_by(answer: Answer) -> AsyncIterator[KubernetesReviews]:
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    async with TestServer(app) as server, ApiClient(Configuration(host=str(server.make_url("")).rstrip("/"))) as client:
        yield KubernetesReviews(client)


def answering(status: int, body: object) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return answer


async def test_the_api_server_is_asked_as_the_caller() -> None:
    seen: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path, request.headers["Authorization"]))
        status = {"allowed": True, "userInfo": {"username": "jane"}}
        return web.json_response({"status": status}, status=201)

    async with reviews_by(answer) as reviews:
        assert await reviews.allowed(TOKEN, QUESTION)
        assert await reviews.user(TOKEN) == "jane"
    bearer = "Bearer the.callers.token"
    assert seen == [("POST", REVIEW_PATH, bearer), ("POST", IDENTITY_PATH, bearer)]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"message": "Unauthorized"}, NotSignedIn),
        (403, {"message": "forbidden"}, NotAllowed),
        (500, {"message": "etcd is away"}, AccessUnknown),
        (429, {}, AccessUnknown),
        (200, {"status": {"allowed": True}}, AccessUnknown),
        (201, [], AccessUnknown),
        (201, {"status": "yes"}, AccessUnknown),
    ],
)
async def test_whatever_is_no_plain_answer_lets_nobody_in(status: int, body: object, error: type[Exception]) -> None:
    async with reviews_by(answering(status, body)) as reviews:
        with pytest.raises(error):
            await reviews.allowed(TOKEN, QUESTION)


async def test_no_json_is_no_answer() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<html>", status=201)

    async with reviews_by(answer) as reviews:
        with pytest.raises(AccessUnknown, match="JSONDecodeError"):
            await reviews.allowed(TOKEN, QUESTION)


async def test_an_api_server_that_is_away_is_no_answer_and_the_error_holds_no_request() -> None:
    async with ApiClient(Configuration(host="http://127.0.0.1:1")) as client:
        with pytest.raises(AccessUnknown) as caught:
            await KubernetesReviews(client).allowed(TOKEN, QUESTION)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_a_crowd_of_callers_asks_eight_questions_at_a_time() -> None:
    most = under_way = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return web.json_response({"status": {"allowed": False}}, status=201)

    async with reviews_by(answer) as reviews:
        answers = await asyncio.gather(*(reviews.allowed(TOKEN, QUESTION) for _ in range(40)))
    assert (most, set(answers)) == (8, {False})


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """The operator's own configuration, with credentials of every kind."""
    configuration = Configuration(host="https://api.example", cert_file="/no/such/cert", key_file="/no/such/key")
    configuration.api_key = {"BearerToken": "Bearer the-operators-own"}
    configuration.username, configuration.password = "operator", "secret"
    configuration.verify_ssl = False
    monkeypatch.setattr(Configuration, "_default", configuration)
    return configuration


async def test_the_client_for_callers_has_nothing_of_the_operators_own(configured: Configuration) -> None:
    async with nobodys_client() as client:
        bare = client.configuration
    assert (bare.host, bare.verify_ssl) == (configured.host, configured.verify_ssl)
    assert (bare.cert_file, bare.key_file, bare.api_key, bare.username) == (None, None, {}, None)


async def test_behind_a_proxy_that_adds_rights_nobody_can_be_told_apart(configured: Configuration) -> None:
    configured.host = "http://127.0.0.1:8001"
    with pytest.raises(CannotStart, match="HTTPS"):
        nobodys_client()
