"""SQLAlchemy's statements and pools, with real engines on SQLite, and asyncpg's on a server of ours."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiosqlite
import asyncpg.connection
import asyncpg.prepared_stmt
import pytest
import sqlalchemy
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, TimeoutError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool, QueuePool

from fastapi_tuning_agent import asyncpg_hook, report, sqlalchemy_hook
from fastapi_tuning_agent.accounts import Accounts
from fastapi_tuning_agent.connection_pools import ConnectionPools, peer_of_url
from fastapi_tuning_agent.outbound import count_calls
from tests.unit.fakes.outbound_peers import PostgreSQL, serving


@pytest.fixture(autouse=True, scope="module")
def hooked() -> None:
    sqlalchemy_hook.hook(sqlalchemy)
    asyncpg_hook.hook(asyncpg.connection)
    asyncpg_hook.hook(asyncpg.prepared_stmt)


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> ConnectionPools:
    pools = ConnectionPools()
    monkeypatch.setattr(sqlalchemy_hook, "POOLS", pools)
    return pools


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "shop.db")


@pytest.fixture
def engine(file: str, pools: ConnectionPools) -> Iterator[sqlalchemy.Engine]:
    """Two connections at most, and whoever gets none within 30 s is told so."""
    engine = create_engine(f"sqlite:///{file}", poolclass=QueuePool, pool_size=1, max_overflow=1, pool_timeout=30)
    yield engine
    engine.dispose()


def wait_until_one_waits(pools: ConnectionPools, peer: str) -> None:
    for _ in range(3000):
        if pools.read()[peer].waits.under_way == 1:
            return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits")


def test_an_exhausted_pool_shows_who_waits_and_for_how_long(
    engine: sqlalchemy.Engine, pools: ConnectionPools, file: str
) -> None:
    assert pools.read()[file][:2] == (2, 0)
    with engine.connect() as held, engine.connect():
        assert pools.read()[file].in_use == 2
        assert pools.read()[file].waits.seconds == 0
        waiting = threading.Thread(target=lambda: engine.connect().close())
        waiting.start()
        wait_until_one_waits(pools, file)
        first, second = pools.read()[file].waits.seconds, pools.read()[file].waits.seconds
        assert 0 < first < second
        held.close()
        waiting.join()
    assert pools.read()[file][:2] == (2, 0)
    assert pools.read()[file].waits._replace(seconds=0) == (0, 0, 1, 0)


def test_a_wait_in_vain_ends_with_sqlalchemys_own_error(file: str, pools: ConnectionPools) -> None:
    engine = create_engine(f"sqlite:///{file}", poolclass=QueuePool, pool_size=1, max_overflow=0, pool_timeout=0.05)
    with engine.connect(), pytest.raises(TimeoutError):
        engine.connect()
    read = pools.read()[file]
    assert read.waits.seconds >= 0.05
    assert read.waits._replace(seconds=0) == (0, 0, 0, 1)
    engine.dispose()


async def test_an_asynchronous_pool_is_watched_in_the_same_way(file: str, pools: ConnectionPools) -> None:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{file}", poolclass=AsyncAdaptedQueuePool, pool_size=1, max_overflow=0
    )
    assert pools.read()[file][:2] == (1, 0)

    async def use() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async with engine.connect():
        assert pools.read()[file].in_use == 1
        waiting = asyncio.ensure_future(use())
        while pools.read()[file].waits.under_way == 0:  # noqa: ASYNC110 - one step of the loop at a time
            await asyncio.sleep(0)
    await waiting
    assert pools.read()[file][:2] == (1, 0)
    assert pools.read()[file].waits._replace(seconds=0) == (0, 0, 1, 0)
    await engine.dispose()


def test_looking_at_an_unused_asynchronous_pool_does_not_bind_it_to_a_loop(file: str, pools: ConnectionPools) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}", poolclass=AsyncAdaptedQueuePool)
    assert pools.read()[file][:2] == (15, 0)
    assert "_queue" not in vars(engine.pool._pool)  # type: ignore[attr-defined]


def test_pools_of_one_database_are_one_and_what_was_waited_stays_when_they_go(
    file: str, pools: ConnectionPools
) -> None:
    engines = [create_engine(f"sqlite:///{file}", poolclass=QueuePool, pool_size=2, max_overflow=1) for _ in range(2)]
    assert pools.read()[file].limit == 6
    waits = pools.waits_at(engines[0].pool._pool)  # type: ignore[attr-defined]
    assert waits is not None
    waits.end(waits.begin(), failed=False)
    for engine in engines:
        engine.dispose()
    del engines, engine
    gc.collect()
    assert pools.read()[file][:2] == (0, 0)
    assert pools.read()[file].waits.succeeded == 1


def test_a_pool_that_dispose_makes_anew_is_known_by_its_first_statement(
    engine: sqlalchemy.Engine, pools: ConnectionPools, counted: Accounts, file: str
) -> None:
    engine.dispose()
    gc.collect()
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        assert pools.read()[file][:2] == (2, 1)


def test_an_engine_takes_all_its_arguments_as_without_the_agent(file: str, pools: ConnectionPools) -> None:
    engine = create_engine(f"sqlite:///{file}", echo=False, hide_parameters=True, logging_name="shop")
    assert (engine.hide_parameters, engine.logging_name) == (True, "shop")
    engine.dispose()


def test_a_pool_without_a_limit_has_none(file: str, pools: ConnectionPools) -> None:
    engine = create_engine(f"sqlite:///{file}", poolclass=QueuePool, max_overflow=-1)
    assert pools.read()[file].limit is None
    told = report.of_connection_pools(pools)
    assert "fastapi_tuning_database_pool_connections_max" not in told
    assert told["fastapi_tuning_database_pool_connections_in_use"] == {(("peer", file),): 0.0}
    engine.dispose()


def test_a_pool_with_another_inside_costs_only_what_it_would_have_told(file: str, pools: ConnectionPools) -> None:
    class Other(QueuePool):
        def checkedout(self) -> int:
            raise RuntimeError("made anew")

    engine = create_engine(f"sqlite:///{file}", poolclass=Other)
    assert isinstance(engine.pool, Other)
    assert pools.read()[file][:2] == (None, 0)


def test_an_engine_without_a_pool_has_statements_only(file: str, pools: ConnectionPools, counted: Accounts) -> None:
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert pools.read() == {}
    assert [key for key, _ in counted.items()] == [("Database", file)]


def test_statements_count_by_database_also_those_that_fail(
    engine: sqlalchemy.Engine, counted: Accounts, file: str
) -> None:
    with engine.begin() as connection:
        assert connection.execute(text("SELECT 7")).scalar() == 7
        assert connection.exec_driver_sql("SELECT 8").scalar() == 8
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT nothing FROM nowhere"))
    assert dict(counted.items())["Database", file].read()._replace(seconds=0) == (0, 0, 2, 1)


def test_a_listener_of_the_apps_that_raises_leaves_no_statement_behind(
    engine: sqlalchemy.Engine, counted: Accounts, file: str
) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def refuse(*_: object) -> None:
        raise PermissionError("read only")

    with engine.connect() as connection, pytest.raises(PermissionError):
        connection.execute(text("SELECT 1"))
    assert dict(counted.items())["Database", file].read()._replace(seconds=0) == (0, 0, 0, 1)


async def test_what_sqlalchemy_asks_of_its_asynchronous_driver_counts_once(
    file: str, pools: ConnectionPools, counted: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiosqlite.Cursor, "execute", aiosqlite.Cursor.execute)  # puts it back at the end
    count_calls(aiosqlite.Cursor, "execute", lambda *_, **__: ("Database", "driver"))
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}")
    async with engine.connect() as connection:
        before = {key: account.read().succeeded for key, account in counted.items()}
        assert (await connection.execute(text("SELECT 7"))).scalar() == 7
        after = {key: account.read().succeeded for key, account in counted.items()}
    await engine.dispose()
    assert after == {**before, ("Database", file): 1}


async def test_so_it_does_with_asyncpg(pools: ConnectionPools, counted: Accounts) -> None:
    with serving(PostgreSQL) as port:
        engine = create_async_engine(
            f"postgresql+asyncpg://app@127.0.0.1:{port}/shop",
            connect_args={"ssl": False},
            _initialize=False,  # which would ask for versions and settings
        )
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await connection.execute(text("SELECT 2"))
        account = dict(counted.items())["Database", f"127.0.0.1:{port}"]
        # BEGIN is part of the first statement; ROLLBACK is no statement of SQLAlchemy's and counts as asyncpg's own.
        assert account.read()._replace(seconds=0) == (0, 0, 3, 0)
        await engine.dispose()


@pytest.mark.parametrize(
    ("url", "peer"),
    [
        ("postgresql+psycopg://app:secret@db.shop/orders", "db.shop:5432"),
        ("mysql+pymysql://app:secret@db:3307/orders", "db:3307"),
        ("postgresql://app@[::1]/orders", "[::1]:5432"),
        ("postgresql+psycopg:///orders", "postgresql"),
        ("sqlite://", ":memory:"),
        ("sqlite:////data/shop.db", "/data/shop.db"),
    ],
)
def test_a_database_is_named_by_its_address_and_never_by_a_password(url: str, peer: str) -> None:
    assert peer_of_url(make_url(url)) == peer


def test_switched_off_sqlalchemy_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAPI_TUNING_OUTBOUND", "0")
    untouched: Any = object()
    sqlalchemy_hook.hook(untouched)  # would fail on the first thing that it looked for
