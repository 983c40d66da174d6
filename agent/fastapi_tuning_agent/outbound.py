"""Counts the calls that the app makes to others, by wrapping the method of a library that makes them.

Loaded by every process that imports such a library, whether it serves or not: so it needs little itself.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from fastapi_tuning_agent.accounts import Account, Accounts
from fastapi_tuning_agent.environment import outbound_is_off

if TYPE_CHECKING:
    from collections.abc import Callable

    Where = Callable[..., "tuple[str, str] | None"]
    """What the method is called with → (kind, peer); None: not to be counted."""
    HasFailed = Callable[[Any], bool]
    """By what the method returned, or raised."""

_log = logging.getLogger("fastapi_tuning_agent")

HTTP, DATABASE, CACHE = "HTTP", "Database", "Cache"

OUTBOUND = Accounts()
if hasattr(os, "register_at_fork"):  # what was counted is the parent's to tell, and its locks may be held for ever
    os.register_at_fork(after_in_child=OUTBOUND.__init__)  # type: ignore[misc]


def raised(outcome: Any) -> bool:
    return isinstance(outcome, BaseException)


def answered_badly(outcome: Any) -> bool:
    """No answer, or a status from 500 on; some libraries raise on one below, which is no failure of the peer's."""
    status = getattr(outcome, "status_code", None) or getattr(outcome, "status", None)
    return status >= 500 if isinstance(status, int) else raised(outcome)


def count_calls(owner: type, method: str, where: Where, has_failed: HasFailed = raised) -> None:
    """Wraps a method of a class in place, once. Does nothing where outbound calls are not to be counted.

    A call counts from when the method is called until it returns, raises or is cancelled. One that is made in the
    course of another (by a library that stands on another library) is part of that one.
    """
    own = getattr(owner, method)
    if outbound_is_off(os.environ) or hasattr(own, "counts_outbound"):
        return
    counted = (_counted_async if inspect.iscoroutinefunction(own) else _counted)(own, where, has_failed)
    counted.counts_outbound = True
    setattr(owner, method, counted)


def _counted(own: Callable[..., Any], where: Where, has_failed: HasFailed) -> Any:
    @functools.wraps(own)
    def call(*args: Any, **kwargs: Any) -> Any:
        running = _begun(where, args, kwargs)
        if running is None:
            return own(*args, **kwargs)
        try:
            outcome = own(*args, **kwargs)
        except BaseException as error:
            running.end(error, has_failed)
            raise
        running.end(outcome, has_failed)
        return outcome

    return call


def _counted_async(own: Callable[..., Any], where: Where, has_failed: HasFailed) -> Any:
    @functools.wraps(own)
    async def call(*args: Any, **kwargs: Any) -> Any:
        running = _begun(where, args, kwargs)
        if running is None:
            return await own(*args, **kwargs)
        try:
            outcome = await own(*args, **kwargs)
        except BaseException as error:
            running.end(error, has_failed)
            raise
        running.end(outcome, has_failed)
        return outcome

    return call


class _Call:
    __slots__ = ("_account", "_began_ns", "runs")

    def __init__(self, account: Account) -> None:
        self._account = account
        self._began_ns = account.begin()
        self.runs = True

    def end(self, outcome: Any, has_failed: HasFailed) -> None:
        self.runs = False
        failed = True
        try:
            failed = has_failed(outcome)
        except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
            _log.debug("the tuning agent cannot tell how a call ended", exc_info=True)
        self._account.end(self._began_ns, failed=failed)


_current: ContextVar[_Call | None] = ContextVar("fastapi_tuning_outbound", default=None)
"""The last call of this task or thread. Never set back: a context that was copied meanwhile would keep it for ever."""


def _begun(where: Where, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call | None:
    """None: this one is not counted."""
    try:
        outer = _current.get()
        if outer is not None and outer.runs:
            return None
        found = where(*args, **kwargs)
        if found is None:
            return None
        call = _Call(OUTBOUND.account(*found))
        _current.set(call)
    except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
        _log.debug("the tuning agent cannot tell where a call goes", exc_info=True)
        return None
    return call
