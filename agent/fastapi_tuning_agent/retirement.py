"""When a process that has served enough requests ends: first it stops being ready, then it drains, then it ends.

Pure: time and counts are arguments. uvicorn's own limit closes the listener of a pod that still gets requests.
"""

from __future__ import annotations

from enum import Enum

JITTER_SHARE = 0.1
DRAIN_SECONDS = 35.0  # three failed readiness probes, ten seconds apart, and five seconds for everyone to know


class Phase(Enum):
    SERVING = "serving"
    DRAINING = "draining"
    ENDING = "ending"


class Retirement:
    """One process. `luck`, from 0 to 1, spreads the pods of a workload so that they do not end together."""

    def __init__(self, luck: float) -> None:
        self._luck = luck
        self._draining_since: float | None = None

    def step(self, *, now: float, requests: int, max_requests: int | None, drain_seconds: float | None) -> Phase:
        """`now` in monotonic seconds; `requests` since the process started, without probes and scrapes."""
        if max_requests is None or requests < max_requests + int(self._luck * JITTER_SHARE * max_requests):
            self._draining_since = None
            return Phase.SERVING
        if self._draining_since is None:
            self._draining_since = now
        patience_seconds = DRAIN_SECONDS if drain_seconds is None else drain_seconds
        return Phase.DRAINING if now - self._draining_since < patience_seconds else Phase.ENDING
