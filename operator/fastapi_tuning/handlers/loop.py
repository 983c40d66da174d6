"""The clock of the operator: which objects are due, and one cycle after the other. A failed cycle is not the last.

Only the leader has cycles. A follower lists and watches like it, so that it can begin with the next tick.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi_tuning.api.tuning import GROUP, PLURAL, VERSION, StoredTuning
from fastapi_tuning.api_server import ApiServer, Json, resource_path
from fastapi_tuning.containment import contained
from fastapi_tuning.errors import FastAPITuningError
from fastapi_tuning.handlers.cache import TuningCache
from fastapi_tuning.reconcile import Reconciler

logger = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_RELIST_SECONDS = 300.0
_RETRY_SECONDS = 5.0
_PAGE = "500"
_INHERITED_SECONDS = 30.0
"""How long a deletion may have waited for a leader that had died: the rest of a cycle, its lease and a retry."""
_UNREADABLE_INTERVAL_SECONDS = 15.0
"""An object without a readable spec has no interval of its own."""


@dataclass(slots=True)
class ControlLoop:
    """Runs until cancelled; `heartbeat` is the monotonic time of the last finished tick, or of the start."""

    api: ApiServer
    cache: TuningCache
    reconciler: Reconciler
    namespaces: tuple[str, ...] = ()
    """Watched namespaces; none: all of them."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    heartbeat: float = field(default_factory=time.monotonic)
    listed: bool = False
    """Whether a full list was seen: the resource exists, and we may read it."""
    leading: bool = False
    _next: dict[str, float] = field(default_factory=dict)
    _gone: deque[tuple[float, StoredTuning]] = field(default_factory=deque)
    """What was deleted and not let go of yet, and when."""
    _cycle: asyncio.Task[object] | None = None

    def lead(self) -> None:
        """From now on this operator acts. Everything is due, and so is what was deleted a moment ago: the one before us
        may not have come to it."""
        self.leading = True
        self._next.clear()
        self._drop_what_others_let_go_of()
        self.reconciler.metrics.leader.set(1)

    def follow(self) -> None:
        """From now on another one acts, or soon may. What is under way is given up; should we lead again, what was
        learned is read from the objects, as after a restart."""
        self.leading = False
        if self._cycle is not None:
            self._cycle.cancel()
        self.reconciler.forget_all()
        self.reconciler.metrics.leader.set(0)

    async def run(self) -> None:
        relist_at = self.monotonic()
        while True:
            started = self.monotonic()
            if started >= relist_at:
                failed = isinstance(error := await contained(self.relist(), "list"), FastAPITuningError)
                if failed:
                    logger.error("no list of objects", extra={"error": str(error)})
                relist_at = started + (_RETRY_SECONDS if failed else _RELIST_SECONDS)
            # Before the first list it is not known who else holds connections of a database.
            if self.listed and self.leading:
                await self._tick_while_leading(started)
            self.heartbeat = self.monotonic()
            await asyncio.sleep(_TICK_SECONDS)

    async def _tick_while_leading(self, monotonic_seconds: float) -> None:
        """A task of its own, so that `follow` can end it without ending the loop."""
        self._cycle = asyncio.create_task(contained(self.tick(monotonic_seconds), "tick"))
        try:
            await asyncio.wait([self._cycle])
        finally:
            self._cycle.cancel()
            (result,) = await asyncio.gather(self._cycle, return_exceptions=True)
            self._cycle = None
        if isinstance(result, asyncio.CancelledError):
            logger.info("cycle given up: another operator acts, or soon may")
        elif isinstance(result, FastAPITuningError):
            logger.error("cycle failed", extra={"error": str(result)})

    async def tick(self, monotonic_seconds: float) -> None:
        """Let go of what is gone, then one cycle over what is due at this monotonic time."""
        while self._gone:
            _, tuning = self._gone.popleft()
            await self.reconciler.let_go(tuning)
        known = self.cache.tunings
        due = [tuning for tuning in known if self._is_due(tuning, tuning.spec.interval_seconds, monotonic_seconds)]
        for unreadable in self.cache.unreadable:
            if self._is_due(unreadable, _UNREADABLE_INTERVAL_SECONDS, monotonic_seconds):
                await self.reconciler.report_unreadable(unreadable, self.now())
        if due:
            with self.reconciler.metrics.cycle_seconds.time():
                await self.reconciler.cycle(due, known, self.now())

    def _is_due(self, tuning: StoredTuning, interval_seconds: float, monotonic_seconds: float) -> bool:
        """Whether its interval is over; the next one then begins."""
        if self._next.get(tuning.uid, 0.0) > monotonic_seconds:
            return False
        self._next[tuning.uid] = monotonic_seconds + interval_seconds
        return True

    async def relist(self) -> None:
        """Compare the cache with a full list, since the watch can lose a deletion. What it shows meanwhile stays.

        The first list fills the cache, too: the watch brings its objects one by one.
        """
        known = self.cache.keys
        living: set[tuple[str, str]] = set()
        for namespace in self.namespaces or (None,):
            async for item in self._listed(resource_path(f"{GROUP}/{VERSION}", PLURAL, namespace=namespace)):
                key = (item["metadata"]["namespace"], item["metadata"]["name"])
                living.add(key)
                if not self.listed and key not in self.cache:
                    self.cache.seen(item)
        self.cache.drop(known - living)
        self.listed = True

    async def _listed(self, path: str) -> AsyncIterator[Json]:
        """All objects under a path, page by page."""
        query = {"limit": _PAGE}
        while True:
            page = await self.api.get(path, query)
            for item in page["items"]:
                yield item
            following = page["metadata"].get("continue")
            if not following:
                return
            query = {"limit": _PAGE, "continue": following}

    def forget(self, tuning: StoredTuning) -> None:
        """An object is gone; a cycle may be under way with it, so the next tick lets go of it."""
        self._next.pop(tuning.uid, None)
        self._gone.append((self.monotonic(), tuning))
        if not self.leading:
            self._drop_what_others_let_go_of()

    def _drop_what_others_let_go_of(self) -> None:
        while self._gone and self._gone[0][0] < self.monotonic() - _INHERITED_SECONDS:
            self._gone.popleft()
