"""How late the event loop is: a timer that should fire at a fixed interval."""

from __future__ import annotations

import asyncio
import time

from fastapi_tuning_agent.histogram import WAIT_EDGES, Histogram

INTERVAL_SECONDS = 0.1
GUARDING_INTERVALS_SECONDS = (0.01, 0.05)
"""Where requests are refused for a late loop, the beat must be quick; it costs 75 µs of CPU on an idle loop."""


class Heartbeat:
    """Start and stop it in the loop's thread; read it from any."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._due = time.monotonic()
        self._last_lag_seconds = self._lag_before_seconds = 0.0
        self.interval_seconds = INTERVAL_SECONDS
        self.lags = Histogram(WAIT_EDGES)

    def start(self) -> None:
        if self._timer is None:
            self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def overdue_seconds(self, now: float) -> float:
        """How long the beat has been due at `now` (monotonic seconds); not above 0 if the loop is on time."""
        return now - self._due if self._timer is not None else 0.0

    def lag_seconds(self, now: float) -> float:
        """How late this turn of the loop is so far, as long as the turn before was at least half as late.

        Under overload each turn runs all that arrived during the one before: what is refused once a turn is late keeps
        the next one short. Where each turn takes in one request only, as uvloop does with new connections, a turn is
        never late at its beginning: two turns that were twice as late count instead. A single stall is over when
        requests are looked at again, and refusing those would turn slow answers into errors.
        """
        this_turn = min(self.overdue_seconds(now), 2 * self._last_lag_seconds)
        turns_before = min(self._last_lag_seconds, self._lag_before_seconds) / 2
        return max(this_turn, turns_before)

    def watch_for(self, lag_limit_seconds: float | None) -> None:
        """Beats often enough to see such a lag soon; None is the usual interval."""
        if lag_limit_seconds is None:
            self.interval_seconds = INTERVAL_SECONDS
        else:
            shortest, longest = GUARDING_INTERVALS_SECONDS
            self.interval_seconds = max(shortest, min(lag_limit_seconds / 2, longest))

    def _arm(self) -> None:
        self._due = time.monotonic() + self.interval_seconds
        self._timer = self._loop.call_later(self.interval_seconds, self._beat)

    def _beat(self) -> None:
        self._lag_before_seconds = self._last_lag_seconds
        self._last_lag_seconds = max(0.0, time.monotonic() - self._due)
        self.lags.observe(self._last_lag_seconds)
        self._arm()
