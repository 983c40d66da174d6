"""No autoscaler: the replicas, threads and limit that somebody chose, or a timetable of replicas."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi_tuning.simulate.scaler import Command, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """Asks for the same at every look, so that whatever else moved a knob is put right."""

    replicas: int
    threads: int | None = None
    in_flight_limit: int | None = None
    period_seconds: float = 60.0

    def __call__(self, view: View) -> Command:
        return Command(replicas=self.replicas, threads=self.threads, in_flight_limit=self.in_flight_limit)


class Timetable:
    """Replicas by time of day, looked up each period; what a prescient scaler or a cron trigger follows.

    `changes` are (second, replicas), ascending; the first one also holds before its time.
    Raises ValueError for an empty or unordered timetable.
    """

    def __init__(self, changes: Sequence[tuple[float, int]], *, period_seconds: float = 1.0) -> None:
        seconds = [second for second, _ in changes]
        if not changes or seconds != sorted(seconds):
            raise ValueError(f"a timetable needs changes in order of time, not {seconds}")
        self.period_seconds = period_seconds
        self._seconds = seconds
        self._replicas = [replicas for _, replicas in changes]

    def __call__(self, view: View) -> Command:
        row = max(0, bisect.bisect_right(self._seconds, view.now_seconds) - 1)
        return Command(replicas=self._replicas[row])
