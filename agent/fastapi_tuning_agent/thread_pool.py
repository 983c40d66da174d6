"""AnyIO's default limiter, that is the pool that runs `def` endpoints: size it and watch it.

The limiter is reachable only inside its event loop; once taken, its statistics are read from any thread.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter

from fastapi_tuning_agent.busy_time import BusyTime
from fastapi_tuning_agent.histogram import WAIT_EDGES, Histogram

_log = logging.getLogger("fastapi_tuning_agent")


class ThreadPool:
    """The default limiter of the running event loop. Build it inside that loop with `of_this_loop`."""

    def __init__(self, limiter: CapacityLimiter) -> None:
        self._limiter = limiter
        self.waits = Histogram(WAIT_EDGES)
        """How long each call waited for its thread."""
        self.busy_time: BusyTime | None = None
        """None where this AnyIO cannot be counted on: unknown is not zero."""

    @classmethod
    async def of_this_loop(cls) -> ThreadPool:
        pool = cls(current_default_thread_limiter())
        await pool.count()
        return pool

    async def count(self) -> None:
        """Starts counting, after a try on a limiter that nobody uses; does nothing where that try fails."""
        if not await _can_be_counted(type(self._limiter)):
            _log.info("this version of AnyIO does not let calls be counted: thread-pool counters are left out")
            return
        self.busy_time = BusyTime(time.monotonic, busy=self._limiter.borrowed_tokens)
        _make_counting(self._limiter, self.busy_time, self.waits)

    def resize(self, threads: int) -> None:
        """Raising wakes waiting calls at once, shrinking lets running calls finish. In the loop's thread only."""
        self._limiter.total_tokens = threads

    @property
    def limit(self) -> float:
        """Threads the pool may use; infinite if the app made it so."""
        return self._limiter.total_tokens

    @property
    def busy(self) -> int:
        return self._limiter.borrowed_tokens

    @property
    def waiting(self) -> int:
        return self._limiter.statistics().tasks_waiting


async def _can_be_counted(limiter_class: type) -> bool:
    """Takes and gives back one token of a fresh limiter and checks that both were seen."""
    trial = CapacityLimiter(1)
    if type(trial) is not limiter_class:
        return False
    seen = BusyTime(time.monotonic, busy=0)
    try:
        _make_counting(trial, seen, Histogram(WAIT_EDGES))
        await trial.acquire()
        taken = seen.busy()
        trial.release()
    except (TypeError, AttributeError):
        return False
    return (taken, seen.busy(), seen.calls()) == (1, 0, 1)


def _make_counting(limiter: CapacityLimiter, busy_time: BusyTime, waits: Histogram) -> None:
    """Gives this one limiter a subclass of its own class that tells `busy_time` and `waits` about each token.

    AnyIO has no hook for it, and the limiter cannot be replaced: other code may hold it already. What changes
    in between, by a resize or a cancelled wait, is brought up to date at the next token.
    """
    plain: Any = type(limiter)

    async def acquire_on_behalf_of(self: Any, borrower: object) -> None:
        asked = time.monotonic()
        await plain.acquire_on_behalf_of(self, borrower)
        waits.observe(time.monotonic() - asked)
        busy_time.change(busy=self.borrowed_tokens)

    def release_on_behalf_of(self: Any, borrower: object) -> None:
        plain.release_on_behalf_of(self, borrower)
        busy_time.change(busy=self.borrowed_tokens, finished_calls=1)

    limiter.__class__ = type(
        plain.__name__,
        (plain,),
        {
            "__slots__": (),
            "acquire_on_behalf_of": acquire_on_behalf_of,
            "release_on_behalf_of": release_on_behalf_of,
        },
    )
