"""The calls of each library, made with the library itself, to a server on loopback."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import aiohttp.client
import asyncpg
import asyncpg.connection
import asyncpg.prepared_stmt
import httpx
import httpx._client
import pytest
import redis
import redis.asyncio
import redis.asyncio.client
import redis.client
import requests
import requests.sessions
import urllib3
import urllib3.connectionpool

from fastapi_tuning_agent import (
    aiohttp_hook,
    asyncpg_hook,
    httpx_hook,
    outbound,
    redis_hook,
    requests_hook,
    urllib3_hook,
)
from fastapi_tuning_agent.accounts import Accounts
from tests.unit.fakes.outbound_peers import HttpService, PostgreSQL, Redis, nobody, serving


@pytest.fixture(autouse=True, scope="module")
def hooked() -> None:
    for hook, module in (
        (httpx_hook, httpx._client),
        (requests_hook, requests.sessions),
        (urllib3_hook, urllib3.connectionpool),
        (aiohttp_hook, aiohttp.client),
        (asyncpg_hook, asyncpg.connection),
        (asyncpg_hook, asyncpg.prepared_stmt),
        (redis_hook, redis.client),
        (redis_hook, redis.asyncio.client),
    ):
        hook.hook(module)


@pytest.fixture
def http() -> Iterator[int]:
    HttpService.hold, HttpService.arrived = threading.Event(), threading.Event()
    with serving(HttpService) as port:
        yield port


@pytest.fixture
def cache() -> Iterator[int]:
    with serving(Redis) as port:
        yield port


@pytest.fixture
def database() -> Iterator[int]:
    with serving(PostgreSQL) as port:
        yield port


def ended(counted: Accounts) -> dict[tuple[str, str], tuple[int, int]]:
    """(succeeded, failed) by kind and peer; nothing may be under way."""
    readings = {key: account.read() for key, account in counted.items()}
    assert all(reading.under_way == 0 for reading in readings.values())
    return {key: (reading.succeeded, reading.failed) for key, reading in readings.items()}


def httpx_get(url: str) -> None:
    with httpx.Client(trust_env=False, follow_redirects=True) as client:
        client.get(url)


def requests_get(url: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.get(url)


def urllib3_get(url: str) -> None:
    with urllib3.PoolManager(retries=urllib3.Retry(connect=2, redirect=2)) as pools:
        pools.request("GET", url)


def async_httpx_get(url: str) -> None:
    async def get() -> None:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
            await client.get(url)

    asyncio.run(get())


def aiohttp_get(url: str) -> None:
    async def get() -> None:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            await response.read()

    asyncio.run(get())


every_http_client = pytest.mark.parametrize(
    "get", [httpx_get, async_httpx_get, requests_get, urllib3_get, aiohttp_get], ids=lambda get: get.__name__
)


@every_http_client
@pytest.mark.parametrize(
    ("path", "outcome"), [("/", (1, 0)), ("/status/404", (1, 0)), ("/status/503", (0, 1))], ids=str
)
def test_an_http_call_counts_once_and_fails_by_its_status(
    counted: Accounts, http: int, get: object, path: str, outcome: tuple[int, int]
) -> None:
    assert callable(get)
    get(f"http://127.0.0.1:{http}{path}")
    assert ended(counted) == {("HTTP", f"127.0.0.1:{http}"): outcome}


@every_http_client
def test_a_peer_that_does_not_answer_is_a_failed_call_and_the_librarys_own_error(
    counted: Accounts, get: object
) -> None:
    port = nobody()
    assert callable(get)
    with pytest.raises((httpx.ConnectError, requests.ConnectionError, urllib3.exceptions.MaxRetryError, OSError)):
        get(f"http://127.0.0.1:{port}/")
    assert ended(counted) == {("HTTP", f"127.0.0.1:{port}"): (0, 1)}


@pytest.mark.parametrize("get", [httpx_get, async_httpx_get, requests_get, aiohttp_get], ids=lambda get: get.__name__)
def test_redirects_are_part_of_their_call(counted: Accounts, http: int, get: object) -> None:
    assert callable(get)
    get(f"http://127.0.0.1:{http}/redirect")
    assert ended(counted) == {("HTTP", f"127.0.0.1:{http}"): (1, 0)}


@every_http_client
def test_a_call_is_under_way_until_it_is_answered(counted: Accounts, http: int, get: object) -> None:
    assert callable(get)
    caller = threading.Thread(target=get, args=(f"http://127.0.0.1:{http}/held",))
    caller.start()
    assert HttpService.arrived.wait(30)
    account = dict(counted.items())["HTTP", f"127.0.0.1:{http}"]
    assert account.read().under_way == 1
    early, later = account.read().seconds, account.read().seconds
    HttpService.hold.set()
    caller.join()
    assert 0 < early < later < account.read().seconds
    assert ended(counted) == {("HTTP", f"127.0.0.1:{http}"): (1, 0)}


async def test_a_session_with_a_base_url_calls_that_host(counted: Accounts, http: int) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{http}/") as session, session.get("status/200") as response:
        await response.read()
    assert ended(counted) == {("HTTP", f"127.0.0.1:{http}"): (1, 0)}


def test_what_an_app_sends_by_its_own_hand_goes_as_before(counted: Accounts, http: int) -> None:
    with httpx.Client(trust_env=False) as client:
        request = client.build_request("GET", f"http://127.0.0.1:{http}/")
        response = client.send(request=request, stream=True)
        assert response.read() == b"body"
    assert ended(counted) == {("HTTP", f"127.0.0.1:{http}"): (1, 0)}


def test_commands_and_pipelines_of_redis_count_and_what_waits_on_purpose_does_not(
    counted: Accounts, cache: int
) -> None:
    with redis.Redis(port=cache, host="127.0.0.1", protocol=2) as client:
        assert client.get("key") == b"value"
        client.blpop(["queue"], timeout=1)
        with client.pipeline(transaction=False) as pipeline:
            pipeline.get("one").get("two")
            assert pipeline.execute() == [b"value", b"value"]
        with pytest.raises(redis.ResponseError):
            client.execute_command("BAD")
    assert ended(counted) == {("Cache", f"127.0.0.1:{cache}"): (2, 1)}


async def test_so_do_those_of_its_asynchronous_client(counted: Accounts, cache: int) -> None:
    async with redis.asyncio.Redis(port=cache, host="127.0.0.1", protocol=2) as client:
        assert await client.get("key") == b"value"
        await client.blpop(["queue"], timeout=1)
        async with client.pipeline(transaction=False) as pipeline:
            pipeline.get("one")
            pipeline.get("two")
            assert await pipeline.execute() == [b"value", b"value"]
        with pytest.raises(redis.ResponseError):
            await client.execute_command("BAD")  # type: ignore[no-untyped-call]
    assert ended(counted) == {("Cache", f"127.0.0.1:{cache}"): (2, 1)}


async def test_statements_of_asyncpg_count_also_on_connections_of_its_pool(counted: Accounts, database: int) -> None:
    async with asyncpg.create_pool(
        host="127.0.0.1", port=database, user="app", database="shop", ssl=False, min_size=1, max_size=1
    ) as pool:
        before = dict(counted.items())
        async with pool.acquire() as connection:
            await connection.execute("SELECT 1")
            assert await connection.fetch("SELECT 2") == []
            assert await connection.fetchrow("SELECT 3") is None
            assert await (await connection.prepare("SELECT 4")).fetch() == []
            with pytest.raises(asyncpg.PostgresSyntaxError):
                await connection.execute("bad")
            assert before == {}
            assert ended(counted) == {("Database", f"127.0.0.1:{database}"): (4, 1)}


METHODS = """
import aiohttp, asyncpg, httpx, redis, redis.asyncio, requests, sqlalchemy, urllib3
methods = [
    aiohttp.ClientSession._request, asyncpg.Connection.fetch, asyncpg.prepared_stmt.PreparedStatement.fetch,
    httpx.Client.send, httpx.AsyncClient.send, redis.Redis.execute_command, redis.asyncio.Redis.execute_command,
    requests.Session.send, sqlalchemy.engine.Connection._execute_context, sqlalchemy.util.queue.Queue.get,
    urllib3.connectionpool.HTTPConnectionPool.urlopen,
]
"""
WATCH = "from fastapi_tuning_agent.finder import watch_imports; watch_imports()"
SHOW = "print({hasattr(method, 'counts_outbound') for method in methods})"


@pytest.mark.parametrize(
    ("code", "variables", "counted_are"),
    [
        ((WATCH, METHODS), {}, {True}),
        ((METHODS, WATCH, METHODS), {}, {True}),
        ((WATCH, METHODS), {"FASTAPI_TUNING_OUTBOUND": "off"}, {False}),
    ],
    ids=["imported after the agent", "imported before it", "switched off"],
)
def test_importing_a_library_is_all_it_takes(
    code: tuple[str, ...], variables: dict[str, str], counted_are: set[bool]
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", "\n".join((*code, SHOW))],
        env={"PYTHONPATH": str(Path(outbound.__file__).parents[1]), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.stdout.strip(), run.stderr) == (str(counted_are), "")
