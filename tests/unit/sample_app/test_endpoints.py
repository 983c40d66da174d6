"""Each endpoint does what the guide's row it shows says."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import QueuePool

from sample_app.database import connect
from sample_app.endpoints.concurrency import count_primes

Start = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.mark.parametrize("path", ["/sync-slow?milliseconds=0", "/async?milliseconds=0", "/blocking", "/cpu"])
async def test_answers(path: str, client: httpx.AsyncClient) -> None:
    assert (await client.get(path)).status_code == 200


async def test_sync_slow_waits_as_long_as_the_environment_says(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sync-slow")).json() == {"waited_milliseconds": 20}


async def test_a_request_may_ask_for_another_wait(client: httpx.AsyncClient) -> None:
    assert (await client.get("/sync-slow?milliseconds=1")).json() == {"waited_milliseconds": 1}


@pytest.mark.parametrize("path", ["/sync-slow", "/async", "/blocking"])
@pytest.mark.parametrize("milliseconds", ["-1", "10001", "long"])
async def test_refuses_a_wait_out_of_bounds(path: str, milliseconds: str, client: httpx.AsyncClient) -> None:
    assert (await client.get(path, params={"milliseconds": milliseconds})).status_code == 422


async def test_a_setting_that_cannot_be_used_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    monkeypatch.setenv("SAMPLE_SYNC_MILLISECONDS", "soon")
    with pytest.raises(ValueError, match="sync_milliseconds"):
        async with start():
            pass


async def overtaken_by_health(client: httpx.AsyncClient, path: str) -> bool:
    """Whether a probe is answered while the app works on `path`."""
    slow = asyncio.create_task(client.get(path))
    await asyncio.sleep(0)
    await client.get("/healthz")
    overtaken = not slow.done()
    await slow
    return overtaken


async def test_waiting_in_a_thread_leaves_the_loop_free(client: httpx.AsyncClient) -> None:
    assert await overtaken_by_health(client, "/sync-slow?milliseconds=200")


async def test_waiting_in_the_loop_leaves_it_free(client: httpx.AsyncClient) -> None:
    assert await overtaken_by_health(client, "/async?milliseconds=200")


async def test_a_blocking_call_stops_everything_else(client: httpx.AsyncClient) -> None:
    assert not await overtaken_by_health(client, "/blocking?milliseconds=200")


@given(st.integers(2, 300))
def test_counts_the_primes_that_trial_division_finds(numbers: int) -> None:
    found = [n for n in range(2, numbers) if all(n % divisor for divisor in range(2, n))]
    assert count_primes(numbers) == len(found)


async def test_the_database_answers_through_the_pool(client: httpx.AsyncClient) -> None:
    assert (await client.get("/database?rows=100")).json() == {"sum": 5050}


async def test_the_database_waits_as_long_as_it_is_asked_to(client: httpx.AsyncClient) -> None:
    answer = await client.get("/database-slow?milliseconds=60")

    assert answer.json() == {"waited_milliseconds": 60}
    assert float(answer.headers["X-Response-Time"].removesuffix("ms")) >= 60


async def test_a_database_that_cannot_be_reached_is_a_503_and_the_app_lives(
    monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    monkeypatch.setenv("SAMPLE_DATABASE_URL", "sqlite:////nowhere/at/all.sqlite3")
    async with start() as client:
        assert (await client.get("/database")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200


async def test_at_most_thirty_connections_are_open_at_once(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'pool.sqlite3'}", pool_size=10, max_overflow=20)
    assert isinstance(engine.pool, QueuePool)
    with ExitStack() as connections:
        for _ in range(30):
            connections.enter_context(engine.connect())
        assert engine.pool.overflow() == 20
    engine.dispose()


async def test_the_second_request_for_an_item_comes_from_the_cache(client: httpx.AsyncClient) -> None:
    first = (await client.get("/cached?item=pear")).json()
    started = time.monotonic()
    second = (await client.get("/cached?item=pear")).json()
    assert (first["from_cache"], second["from_cache"]) == (False, True)
    assert first["price"] == second["price"]
    assert time.monotonic() - started < 0.2


@pytest.mark.parametrize("path", ["/external", "/external-bad"])
async def test_calls_itself_wherever_it_listens_unless_told_otherwise(path: str, served_url: str) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{served_url}{path}")).json() == {"status": 200}


@pytest.mark.parametrize("path", ["/external", "/external-bad"])
async def test_a_client_cannot_have_the_app_call_somebody_else(path: str, served_url: str) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{served_url}{path}", headers={"Host": "127.0.0.1:9"})
    assert answer.json() == {"status": 200}


@pytest.mark.parametrize("path", ["/external", "/external-bad"])
async def test_calls_the_external_api_that_was_set(
    path: str, served_url: str, monkeypatch: pytest.MonkeyPatch, start: Start
) -> None:
    monkeypatch.setenv("SAMPLE_EXTERNAL_URL", f"{served_url}/healthz")
    async with start() as client:
        assert (await client.get(path)).json() == {"status": 200}


@pytest.mark.parametrize("path", ["/external", "/external-bad"])
async def test_an_external_api_that_refuses_is_a_502(path: str, monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        monkeypatch.setenv("SAMPLE_EXTERNAL_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/")
        async with start() as client:
            assert (await client.get(path)).status_code == 502
