"""Requests of one app: what arrives, what is refused, what is answered and when.

Written in the event loop's thread, read from any. What is asked of it may be set from any thread: single assignments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi_tuning_agent.histogram import REQUEST_EDGES, Histogram
from fastapi_tuning_agent.request_wait import waited_seconds
from fastapi_tuning_agent.settings import Settings
from fastapi_tuning_agent.standing_queue import StandingQueue

IN_FLIGHT = "in_flight"
LOOP_LAG = "loop_lag"

SHED = 0
"""In place of a status: the request never reached the app."""
OUTCOMES = ("shed", "1xx", "2xx", "3xx", "4xx", "5xx")
_OBJECTIVE_SHARES = (0.4, 0.6, 0.8, 1.0)
"""Edges are close where a tail is compared with the objective: an interpolated percentile may be a bucket off."""
_ASK_SECONDS = 0.01
"""No more than one request in so long is asked how long it waited, since that costs 3 µs; others waited about as long.
Each is asked while a queue stands."""
_ALWAYS_SHOWN = frozenset({"shed", "2xx", "5xx"})  # a rate can only be taken of what was there before it grew


class Traffic:
    """Counts of one app, and the limits that its requests are held to."""

    __slots__ = (
        "_ask_at",
        "_close_credit",
        "_close_share",
        "_queue",
        "_waited_seconds",
        "closing",
        "draining",
        "durations",
        "guarded",
        "in_flight",
        "in_flight_limit",
        "lag_limit_seconds",
        "shed",
        "started",
    )

    def __init__(self) -> None:
        self.started = 0
        """Requests that arrived, the refused ones among them."""
        self.in_flight = 0
        self.durations = tuple(Histogram(REQUEST_EDGES) for _ in OUTCOMES)
        """By the first digit of the status."""
        self.shed = {IN_FLIGHT: 0, LOOP_LAG: 0}
        self._ask_at = 0.0
        self._queue = StandingQueue()
        self._waited_seconds = 0.0
        self.in_flight_limit: int | None = None
        self.lag_limit_seconds: float | None = None
        self.guarded = False
        """Whether there is any limit: all that a request of an unlimited app is asked."""
        self.draining = False
        self.closing = False
        """Whether any connection is to be closed."""
        self._close_share = 0.0
        self._close_credit = 0.0

    def hold_to(self, settings: Settings) -> None:
        self.in_flight_limit = settings.in_flight_limit
        self.lag_limit_seconds = settings.loop_lag_limit_seconds
        self.guarded = self.in_flight_limit is not None or self.lag_limit_seconds is not None
        self._close_share = settings.close_connections_share
        self.closing = self.draining or self._close_share > 0
        if settings.objective_seconds is not None:
            for histogram in self.durations:
                for share in _OBJECTIVE_SHARES:
                    histogram.add_edge(round(share * settings.objective_seconds, 6))

    def drain(self, draining: bool) -> None:  # noqa: FBT001 - a state, not a mode of working
        """Says that the process is about to end, or that it is not."""
        self.draining = draining
        self.closing = self.draining or self._close_share > 0

    def waited(self, now: float, receive: Any) -> float:
        """How long the request that is taken in at `now` (monotonic seconds) has waited for that, in seconds."""
        if now >= self._ask_at or self._queue.stands:
            self._ask_at = now + _ASK_SECONDS
            self._waited_seconds = waited_seconds(receive)
        return self._waited_seconds

    def refusal(self, now: float, waited: float) -> str | None:
        """The rule by which the request that is taken in at `now` is refused; None lets it in."""
        if self.in_flight_limit is not None and self.in_flight >= self.in_flight_limit:
            return IN_FLIGHT
        if self.lag_limit_seconds is None:
            return None
        return LOOP_LAG if self._queue.refuses(now, waited, self.lag_limit_seconds) else None

    def refused(self, rule: str, seconds: float) -> None:
        self.shed[rule] += 1
        self.durations[SHED].observe(seconds)

    def failed(self, seconds: float) -> None:
        """A request that the app raised on, or never answered to the end."""
        self.durations[5].observe(seconds)

    def closes_next(self) -> bool:
        """True for the asked share of the calls, evenly spread; for all of them while draining."""
        if self.draining:
            return True
        self._close_credit += self._close_share
        if self._close_credit < 1.0:
            return False
        self._close_credit -= 1.0
        return True

    def shown_durations(self) -> Iterator[tuple[str, Histogram]]:
        """Histograms by outcome, without those that nobody would miss."""
        for outcome, histogram in zip(OUTCOMES, self.durations):
            if outcome in _ALWAYS_SHOWN or any(histogram.buckets[1]):
                yield outcome, histogram
