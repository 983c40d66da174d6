"""`install(app)` in real Starlette and FastAPI apps."""

import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from anyio import to_thread
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from fastapi_tuning_agent import __version__, install

VARIABLE = "FASTAPI_TUNING_THREAD_POOL_SIZE"
Shown = Callable[[str], float | None]


@pytest.fixture(autouse=True)
def no_size_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """Runs the app's lifespan and gives a client to it, all in this event loop."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://app") as c:
        yield c


def threads_now() -> float:
    return to_thread.current_default_thread_limiter().total_tokens


def app_with_a_lifespan_that_sets(threads: int) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
        to_thread.current_default_thread_limiter().total_tokens = threads
        yield {"from": "lifespan"}

    async def state(request: Request) -> JSONResponse:
        return JSONResponse(request.scope.get("state", {}))

    return Starlette(lifespan=lifespan, routes=[Route("/state", state)])


async def test_sets_the_size_asked_for_when_the_app_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "80")
    app = FastAPI()
    install(app)
    assert threads_now() == 40
    async with running(app):
        assert threads_now() == 80


async def test_leaves_the_default_when_nothing_is_asked() -> None:
    app = FastAPI()
    install(app)
    async with running(app):
        assert threads_now() == 40


async def test_an_invalid_size_is_one_warning_and_the_default(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, "lots")
    app = FastAPI()
    install(app)
    async with running(app) as client:
        assert threads_now() == 40
        assert (await client.get("/openapi.json")).status_code == 200
    assert [record.levelno for record in caplog.records if record.name == "fastapi_tuning_agent"] == [logging.WARNING]
    assert "'lots'" in caplog.text


async def test_runs_the_apps_own_lifespan_and_hands_on_its_state() -> None:
    app = app_with_a_lifespan_that_sets(50)
    install(app)
    async with app.router.lifespan_context(app) as state:
        assert state == {"from": "lifespan"}
        assert threads_now() == 50


async def test_the_size_asked_for_wins_over_the_one_in_the_apps_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "12")
    app = app_with_a_lifespan_that_sets(50)
    install(app)
    async with running(app):
        assert threads_now() == 12


async def test_an_app_that_fails_to_start_fails_with_its_own_error() -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        raise LookupError("no database")
        yield

    app = FastAPI(lifespan=lifespan)
    install(app)
    with pytest.raises(LookupError, match="no database"):
        async with running(app):
            pass


async def test_installing_twice_counts_each_request_once(shown: Shown) -> None:
    app = FastAPI()
    install(app)
    install(app)
    async with running(app) as client:
        before = shown("requests_started_total") or 0
        await client.get("/openapi.json")
        assert shown("requests_started_total") == before + 1


async def test_installing_into_a_started_app_leaves_it_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("here"))])
    async with running(app) as client:
        assert (await client.get("/")).text == "here"
        install(app)
        assert (await client.get("/")).text == "here"
    assert "before the app starts" in caplog.text


async def test_shows_the_pool_only_while_the_app_runs(monkeypatch: pytest.MonkeyPatch, shown: Shown) -> None:
    monkeypatch.setenv(VARIABLE, "9")
    app = FastAPI()
    install(app)
    assert shown("thread_pool_limit") is None
    async with running(app):
        assert shown("thread_pool_limit") == 9
        assert shown("thread_pool_busy") == 0
        assert shown("thread_pool_waiting") == 0
    assert shown("thread_pool_limit") is None


async def test_shows_busy_time_and_calls_of_sync_endpoints(shown: Shown) -> None:
    app = FastAPI()

    @app.get("/slow")
    def slow() -> None:
        threading.Event().wait(0.02)

    install(app)
    async with running(app) as client:
        assert (await client.get("/slow")).status_code == 200
        assert (shown("thread_pool_calls_total") or 0) >= 1
        assert (shown("thread_pool_busy_seconds_total") or 0) >= 0.02


async def test_counts_a_request_before_the_app_answers_it(shown: Shown) -> None:
    app = FastAPI()
    seen: list[tuple[float | None, float | None]] = []

    @app.get("/")
    async def look() -> None:
        seen.append((shown("requests_started_total"), shown("requests_in_flight")))

    install(app)
    async with running(app) as client:
        started, in_flight = shown("requests_started_total") or 0, shown("requests_in_flight") or 0
        await client.get("/")
        assert seen == [(started + 1, in_flight + 1)]
        assert shown("requests_in_flight") == in_flight


async def test_counts_requests_that_a_later_middleware_refuses(shown: Shown) -> None:
    app = FastAPI()
    install(app)

    @app.middleware("http")
    async def refuse(request: Request, call_next: object) -> PlainTextResponse:
        return PlainTextResponse("no", status_code=503)

    async with running(app) as client:
        before = shown("requests_started_total") or 0
        assert (await client.get("/")).status_code == 503
        assert shown("requests_started_total") == before + 1


async def test_a_request_whose_handler_raises_is_no_longer_in_flight(shown: Shown) -> None:
    app = FastAPI()

    @app.get("/")
    async def fail() -> None:
        raise LookupError("bug")

    install(app)
    async with running(app) as client:
        in_flight = shown("requests_in_flight")
        assert (await client.get("/")).status_code == 500
        assert shown("requests_in_flight") == in_flight


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/metrics"])
async def test_probes_and_scrapes_are_not_counted(path: str, shown: Shown) -> None:
    app = FastAPI()
    install(app)
    async with running(app) as client:
        before = shown("requests_started_total")
        await client.get(path)
        assert shown("requests_started_total") == before


def test_tells_its_versions() -> None:
    install(FastAPI())
    (info,) = [
        sample
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "fastapi_tuning_agent_info"
    ]
    assert info.value == 1
    assert info.labels["version"] == __version__
    assert info.labels["uvicorn"]
    assert info.labels["anyio"].startswith("4.")
