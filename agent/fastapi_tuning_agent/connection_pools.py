"""SQLAlchemy's connection pools in this process: what they may open, what is in use, who waits and how long."""

from __future__ import annotations

import os
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from fastapi_tuning_agent.accounts import Account, Accounts, Reading, address
from fastapi_tuning_agent.outbound import DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterable

_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "oracle": 1521, "mssql": 1433}


class PoolReading(NamedTuple):
    """All pools of one database."""

    limit: float | None
    """Connections that they may open; None where one of them has no limit."""
    in_use: int
    waits: Reading


class ConnectionPools:
    """Pools are known by the engines that use them, and forgotten with them; what was waited for them stays."""

    def __init__(self) -> None:
        self._peers: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        """By pool, of whatever kind."""
        self._waits_by_queue: WeakKeyDictionary[Any, Account] = WeakKeyDictionary()
        """By the queue inside a pool that has a limit."""
        self._waits = Accounts()
        self._change = RLock()

    def peer_of(self, engine: Any) -> str:
        """The database of an engine, whose pool is known from now on."""
        peer = self._peers.get(engine.pool)
        return self._learnt(engine.pool, engine.url) if peer is None else peer

    def waits_at(self, queue: Any) -> Account | None:
        return self._waits_by_queue.get(queue)

    def read(self) -> dict[str, PoolReading]:
        """By database."""
        with self._change:
            pools = [(pool, self._waits_by_queue.get(pool._pool)) for pool in self._peers if _is_limited_by_queue(pool)]
        return {
            peer: _read((pool for pool, account in pools if account is waits), waits)
            for (_, peer), waits in self._waits.items()
        }

    def _learnt(self, pool: Any, url: Any) -> str:
        peer = peer_of_url(url)
        with self._change:
            if _is_limited_by_queue(pool):
                self._waits_by_queue[pool._pool] = self._waits.account(DATABASE, peer)
            self._peers[pool] = peer
        return peer


POOLS = ConnectionPools()
if hasattr(os, "register_at_fork"):  # an engine that the child has inherited is known again when it is used
    os.register_at_fork(after_in_child=POOLS.__init__)  # type: ignore[misc]


def peer_of_url(url: Any) -> str:
    """`host:port` by an engine's URL; the file for SQLite, the name of the database system where no host is named."""
    system = url.get_backend_name()
    if system == "sqlite":
        return url.database or ":memory:"
    return address(url.host, url.port or _PORTS.get(system)) if url.host else str(system)


def _is_limited_by_queue(pool: Any) -> bool:
    """QueuePool and what derives from it; the others have nothing to wait for."""
    return hasattr(pool, "_pool") and hasattr(pool, "_max_overflow")


def _read(pools: Iterable[Any], waits: Account) -> PoolReading:
    limits, in_use = [], 0
    for pool in pools:
        try:
            limit, used = _limit(pool), _in_use(pool)
        except Exception:  # noqa: BLE001 - a pool that somebody made anew must not cost the whole page
            limit, used = None, 0
        limits.append(limit)
        in_use += used
    known = [limit for limit in limits if limit is not None]
    return PoolReading(sum(known) if len(known) == len(limits) else None, in_use, waits.read())


def _limit(pool: Any) -> float | None:
    return None if pool._max_overflow < 0 else pool.size() + pool._max_overflow


def _in_use(pool: Any) -> int:
    inner = pool._pool
    if hasattr(type(inner), "_queue") and "_queue" not in vars(inner):
        return 0  # asyncio's queue is made when it is first asked, and must be in the thread of its loop
    return int(pool.checkedout())
