"""How late the event loop is: a timer that should fire at a fixed interval."""

from __future__ import annotations

import asyncio
import time

from fastapi_tuning_agent.histogram import WAIT_EDGES, Histogram

INTERVAL_SECONDS = 0.05


class Heartbeat:
    """Start and stop it in the loop's thread; read it from any."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._due = time.monotonic()
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

    def _arm(self) -> None:
        self._due = time.monotonic() + INTERVAL_SECONDS
        self._timer = self._loop.call_later(INTERVAL_SECONDS, self._beat)

    def _beat(self) -> None:
        self.lags.observe(max(0.0, time.monotonic() - self._due))
        self._arm()
