"""Integral of busy threads over time, from which Little's law gives the time a call holds its thread.

Pure except for the clock it is given. Must not know AnyIO or Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class _Account(NamedTuple):
    busy: int
    since_seconds: float
    busy_seconds: float
    calls: int


class BusyTime:
    """Number of busy threads times how long it held, summed up at each change: exact, not sampled.

    One thread writes (the event loop's), any thread reads: the whole account is one tuple that a change
    replaces, so a reader never sees half of a change.
    """

    __slots__ = ("_account", "_clock", "_told_seconds")

    def __init__(self, clock: Callable[[], float], *, busy: int) -> None:
        """`clock` returns monotonic seconds; `busy` is the number of threads already in use."""
        self._clock = clock
        self._account = _Account(busy, clock(), 0.0, 0)
        self._told_seconds = 0.0

    def change(self, *, busy: int, finished_calls: int = 0) -> None:
        """Notes that `busy` threads are in use from now on, and that so many calls gave theirs back."""
        was, now = self._account, self._clock()
        self._account = _Account(busy, now, _busy_seconds(was, now), was.calls + finished_calls)

    def busy(self) -> int:
        """Threads in use since the last change."""
        return self._account.busy

    def busy_seconds(self) -> float:
        """Thread-seconds used until now, those of running calls included; never less than was told before.

        The writer may have read its clock before the reader did, and replace the account after: the next answer would
        be some microseconds less, which Prometheus takes for a restart, and for all of the total once more.
        """
        self._told_seconds = max(self._told_seconds, _busy_seconds(self._account, self._clock()))
        return self._told_seconds

    def calls(self) -> int:
        """Calls that gave their thread back."""
        return self._account.calls


def _busy_seconds(account: _Account, now: float) -> float:
    # A reader in another thread may have read its clock just before the last change.
    return account.busy_seconds + account.busy * max(0.0, now - account.since_seconds)
