"""Adds up snapshots of sources that come and go, so that a counter never falls because one has gone. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi_tuning_agent.catalogue import CATALOGUE, GAUGE, Labels, Snapshot


class Ledger:
    """Keeps what sources that are gone have counted."""

    def __init__(self) -> None:
        self._last: Mapping[str, Snapshot] = {}
        self._carried: Snapshot = {}

    def start_at_zero(self, sources: Mapping[str, Snapshot]) -> None:
        """Counts from now on only: for one that takes over from another whose sums it does not know.

        To Prometheus the total then looks like a process that was started anew, which is what it knows to handle.
        """
        self._last = sources
        for snapshot in sources.values():
            self._carry(snapshot, sign=-1)

    def total(self, sources: Mapping[str, Snapshot]) -> Snapshot:
        """One snapshot of all, by the rule of each metric. A source is known by its name for as long as it lives."""
        for name, snapshot in self._last.items():
            if name not in sources:
                self._carry(snapshot, sign=1)
        self._last = sources
        collected: dict[tuple[str, Labels], list[float]] = {}
        for snapshot in (self._carried, *sources.values()):
            for metric, values in snapshot.items():
                for labels, value in values.items():
                    collected.setdefault((metric, labels), []).append(value)
        total: Snapshot = {}
        for (metric, labels), numbers in collected.items():
            total.setdefault(metric, {})[labels] = CATALOGUE[metric].merged(numbers)
        return total

    def _carry(self, snapshot: Snapshot, *, sign: int) -> None:
        for metric, values in snapshot.items():
            if metric in CATALOGUE and CATALOGUE[metric].kind != GAUGE:
                carried = self._carried.setdefault(metric, {})
                for labels, value in values.items():
                    carried[labels] = carried.get(labels, 0.0) + sign * value
