"""Each broken service is broken in the way that it says, and in no other."""

import asyncio
import importlib
import pkgutil
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

import sample_app.broken
from sample_app.broken import (
    application_errors,
    cold_pods,
    database,
    database_pool,
    event_loop,
    external_api,
    memory,
    thread_pool,
    two_causes,
    upstream,
)

SERVICES = [name for _, name, _ in pkgutil.iter_modules(sample_app.broken.__path__) if name != "bare"]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("SAMPLE_DATABASE_URL", f"sqlite:///{tmp_path / 'broken.sqlite3'}")
    monkeypatch.setenv("SAMPLE_EXTERNAL_URL", "http://upstream/work")


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://app") as client,
    ):
        yield client


async def statuses(client: httpx.AsyncClient, requests: int) -> Counter[int]:
    """Of so many requests at once."""
    answers = await asyncio.gather(*(client.get("/work") for _ in range(requests)))
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_are_answered(name: str, path: str) -> None:
    async with running(importlib.import_module(f"sample_app.broken.{name}").app) as client:
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("name", SERVICES)
def test_all_do_their_work_at_one_path_and_have_no_metrics(name: str) -> None:
    app: FastAPI = importlib.import_module(f"sample_app.broken.{name}").app
    paths = {getattr(route, "path", "") for route in app.routes}
    assert "/work" in paths
    assert "/metrics" not in paths


async def is_overtaken(app: FastAPI) -> bool:
    """Whether a probe is answered while the app does its work."""
    async with running(app) as client:
        work = asyncio.create_task(client.get("/work"))
        await asyncio.sleep(0)
        await client.get("/healthz")
        overtaken = not work.done()
        await work
    return overtaken


async def test_a_thread_that_waits_leaves_the_loop_free() -> None:
    assert await is_overtaken(thread_pool.app)


async def test_a_blocking_call_lets_nothing_overtake_it() -> None:
    assert not await is_overtaken(event_loop.app)


async def test_one_request_in_twenty_meets_the_bug() -> None:
    async with running(application_errors.app) as client:
        assert await statuses(client, 40) == {200: 38, 500: 2}


async def test_both_causes_are_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_causes, "SECONDS", 0.0)
    async with running(two_causes.app) as client:
        assert await statuses(client, 20) == {200: 19, 500: 1}


async def test_no_more_requests_hold_a_connection_than_the_pool_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE_DATABASE_POOL_SIZE", "2")
    monkeypatch.setenv("SAMPLE_DATABASE_MAX_OVERFLOW", "0")
    held: list[int] = []
    async with running(database_pool.app) as client:
        engine = database_pool.app.state.engine
        event.listen(engine, "checkout", lambda *_: held.append(engine.pool.checkedout()))
        assert await statuses(client, 5) == {200: 5}
    assert len(held) == 5
    assert max(held) == 2


async def test_requests_take_turns_at_the_hot_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "SECONDS", 0.0)
    locked: list[int] = []

    def teach_to_lock(connection: Any, _: object) -> None:
        connection.create_function("pg_advisory_xact_lock", 1, locked.append)

    async with running(database.app) as client:
        event.listen(database.app.state.engine, "connect", teach_to_lock)
        assert await statuses(client, 2 * database.HOT_ROWS) == {200: 2 * database.HOT_ROWS}
    assert Counter(locked) == dict.fromkeys(range(database.HOT_ROWS), 2)


async def test_an_answer_takes_as_long_as_the_service_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "SECONDS", 0.2)
    async with (
        running(external_api.app) as client,
        httpx.AsyncClient(transport=httpx.ASGITransport(upstream.app)) as external_api.app.state.client,
    ):
        begun = time.monotonic()
        assert await statuses(client, 3) == {200: 3}
    assert time.monotonic() - begun >= 0.2


async def test_memory_fills_up_and_stops_short_of_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.app.state, "cache", [])
    monkeypatch.setattr(memory, "resident_bytes", lambda: (len(memory.app.state.cache) + 50) * memory.ENTRY_BYTES)
    monkeypatch.setenv(memory.LIMIT_VARIABLE, str(100 * memory.ENTRY_BYTES))
    async with running(memory.app) as client:
        assert await statuses(client, 100) == {200: 100}
    assert 93 * memory.ENTRY_BYTES < memory.resident_bytes() < 95 * memory.ENTRY_BYTES


def test_the_process_knows_how_much_it_occupies() -> None:
    before, block = memory.resident_bytes(), b"x" * (32 << 20)
    assert memory.resident_bytes() - before > len(block) / 2


def test_a_pod_is_slow_while_it_is_cold() -> None:
    assert cold_pods.seconds_of_work(0) == cold_pods.seconds_of_work(59) > 1
    assert cold_pods.seconds_of_work(cold_pods.WARM_AFTER_SECONDS) < 0.1
