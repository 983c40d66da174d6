"""The sample app, running: in this event loop without a socket, or behind a real uvicorn on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
import uvicorn
from prometheus_client import REGISTRY

from sample_app.main import app

Start = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(autouse=True)
def small_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a test needs differently it sets over these, before the app starts."""
    monkeypatch.setenv("SAMPLE_SYNC_MILLISECONDS", "20")
    monkeypatch.setenv("SAMPLE_DATABASE_URL", f"sqlite:///{tmp_path / 'test.sqlite3'}")


@pytest.fixture
def start() -> Start:
    """Starts the app in this event loop and gives a client to it."""

    @asynccontextmanager
    async def running() -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://app") as client,
        ):
            yield client

    return running


@pytest.fixture
async def client(start: Start) -> AsyncIterator[httpx.AsyncClient]:
    async with start() as running:
        yield running


@pytest.fixture
async def served_url() -> AsyncIterator[str]:
    """Base URL of the app behind uvicorn on loopback, on whatever port was free."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=5))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        with anyio.fail_after(10):
            while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody when it has started
                await anyio.sleep(0.005)
        yield url
        server.should_exit = True
        await serving


@pytest.fixture
def shown() -> Callable[..., float | None]:
    """Returns the value a scrape would give; None when the metric is absent."""
    return lambda name, **labels: REGISTRY.get_sample_value(name, labels)
