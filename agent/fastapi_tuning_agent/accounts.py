"""What calls took, by whom they went to: any thread writes, any thread reads, and there are never too many.

Locks are re-entrant: a signal handler or a finalizer of the app's may make a call while one is held.
"""

from __future__ import annotations

from threading import RLock
from time import monotonic_ns
from typing import NamedTuple

MAX_PEERS = 20  # of a kind; each is four time series
OTHER = "other"
UNKNOWN = "unknown"
MAX_NAME_LENGTH = 200


class Reading(NamedTuple):
    """One account at one moment."""

    under_way: int
    seconds: float
    """Integral of the calls under way over time: those that have not ended count until now."""
    succeeded: int
    failed: int


class Account:
    """Calls of one sort: how many are under way, how many ended how, and the time that all of them took.

    Whole nanoseconds: with fractions the total could fall by a rounding, which Prometheus takes for a restart.
    """

    __slots__ = ("_began_ns", "_failed", "_lock", "_succeeded", "_took_ns", "_under_way")

    def __init__(self) -> None:
        self._lock = RLock()
        self._under_way = 0
        self._began_ns = 0
        """Sum of the beginnings of those under way."""
        self._took_ns = 0
        """Of those that have ended."""
        self._succeeded = 0
        self._failed = 0

    def begin(self) -> int:
        """When it began, for `end`."""
        with self._lock:
            now = monotonic_ns()
            self._under_way += 1
            self._began_ns += now
        return now

    def end(self, began_ns: int, *, failed: bool) -> None:
        with self._lock:
            self._under_way -= 1
            self._began_ns -= began_ns
            self._took_ns += monotonic_ns() - began_ns  # read under the lock: no reader was later
            if failed:
                self._failed += 1
            else:
                self._succeeded += 1

    def read(self) -> Reading:
        with self._lock:
            nanoseconds = self._took_ns + self._under_way * monotonic_ns() - self._began_ns
            return Reading(self._under_way, nanoseconds / 1e9, self._succeeded, self._failed)


class Accounts:
    """Accounts by kind and peer. The first peers of a kind are named and the rest is one: a sum must not fall."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], Account] = {}
        self._change = RLock()

    def account(self, kind: str, peer: str) -> Account:
        account = self._accounts.get((kind, peer))
        return self._opened(kind, peer[:MAX_NAME_LENGTH]) if account is None else account

    def items(self) -> list[tuple[tuple[str, str], Account]]:
        """((kind, peer), account)"""
        with self._change:
            return list(self._accounts.items())

    def _opened(self, kind: str, peer: str) -> Account:
        with self._change:
            if (kind, peer) not in self._accounts and sum(each == kind for each, _ in self._accounts) >= MAX_PEERS:
                peer = OTHER
            return self._accounts.setdefault((kind, peer), Account())


def address(host: str | None, port: int | None) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    name = (host or UNKNOWN).strip("[]")
    shown = f"[{name}]" if ":" in name else name
    return f"{shown}:{port}" if port else shown
