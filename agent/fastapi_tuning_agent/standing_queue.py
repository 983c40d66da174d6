"""When a queue in front of the event loop is refused: not while it is a burst, and not beyond what is late."""

from __future__ import annotations

_CALM_SECONDS = 1.0
"""In time, and no late request before it for so long: the queue has gone."""


class StandingQueue:
    """Tells a queue that stands from one that a single stall left behind.

    The idea is CoDel's (RFC 8289): a queue is bad if not one request got through it in time for an interval. While it
    is, those that waited too long are refused, and no others: they would be late anyway, and the next are in time.
    Asked in the loop's thread, in the order in which requests are taken in.
    """

    def __init__(self) -> None:
        self.stands = False
        self._late_since: float | None = None
        self._last_late = 0.0

    def refuses(self, now: float, waited_seconds: float, limit_seconds: float) -> bool:
        """Whether to refuse a request that waited so long. `now`: monotonic seconds; the limit is the interval, too."""
        if waited_seconds <= limit_seconds:
            if not self.stands or now - self._last_late > _CALM_SECONDS:
                self.stands, self._late_since = False, None
            return False
        self._last_late = now
        if self._late_since is None:
            self._late_since = now
        self.stands = self.stands or now - self._late_since >= limit_seconds
        return self.stands
