"""Counts SQLAlchemy's statements, with synchronous and asynchronous engines alike, and watches their pools.

A statement counts until the driver has run it: most drivers have all rows then. Commits do not count.
"""

from __future__ import annotations

import functools
import logging
import os
from types import ModuleType
from typing import Any

from fastapi_tuning_agent.accounts import Account
from fastapi_tuning_agent.connection_pools import POOLS
from fastapi_tuning_agent.environment import outbound_is_off
from fastapi_tuning_agent.outbound import DATABASE, count_calls

_log = logging.getLogger("fastapi_tuning_agent")


def hook(module: ModuleType) -> None:
    """On `sqlalchemy`, once all of it is there.

    Its events would do, but for two things: a listener of the app's that raises leaves a statement without an end, and
    an engine that has listeners looks for more at every step. `_execute_context` is what all statements go through.
    """
    if outbound_is_off(os.environ):
        return
    count_calls(module.engine.Connection, "_execute_context", _where)
    _watch_new_engines(module.engine.Dialect)
    _watch_waits(module.util.queue.Queue)
    if hasattr(module.util.queue, "AsyncAdaptedQueue"):  # since SQLAlchemy 1.4
        _watch_waits(module.util.queue.AsyncAdaptedQueue)


def _where(connection: Any, *_: Any, **__: Any) -> tuple[str, str]:
    return DATABASE, POOLS.peer_of(connection.engine)


def _watch_new_engines(dialect_class: Any) -> None:
    """So that a pool is known whose first connection never comes. Older engines are known by their first statement.

    This is the last that is called when an engine is made, and meant for that; the arguments of `Engine.__init__` are
    read from its code, so that one cannot be wrapped.
    """
    own = dialect_class.engine_created.__func__
    if hasattr(own, "counts_outbound"):
        return

    @functools.wraps(own)
    def engine_created(cls: Any, engine: Any) -> None:
        own(cls, engine)
        try:
            POOLS.peer_of(engine)
        except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
            _log.debug("the tuning agent does not know this engine's pool", exc_info=True)

    engine_created.counts_outbound = True  # type: ignore[attr-defined]
    dialect_class.engine_created = classmethod(engine_created)


def _watch_waits(queue_class: Any) -> None:
    """A pool asks its queue to block only when it may not open one more connection: those are the waits."""
    own = queue_class.get
    if hasattr(own, "counts_outbound"):
        return

    @functools.wraps(own)
    def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - as its own
        waits = _waits_at(self) if block else None
        if waits is None:
            return own(self, block, timeout)
        failed, began = True, waits.begin()
        try:
            connection = own(self, block, timeout)
            failed = False
        finally:
            waits.end(began, failed=failed)
        return connection

    get.counts_outbound = True  # type: ignore[attr-defined]
    queue_class.get = get


def _waits_at(queue: Any) -> Account | None:
    try:
        return POOLS.waits_at(queue)
    except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
        _log.debug("the tuning agent does not count this wait for a connection", exc_info=True)
        return None
