"""A histogram that one thread writes and any thread reads.

Counts are kept per bucket, not cumulated: so histograms with different edges can be added up, and an edge can be added
while it counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

MAX_EDGES = 64  # each is a time series

REQUEST_EDGES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
WAIT_EDGES = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """Seconds, counted by the first edge that is not below them."""

    __slots__ = ("buckets", "sum_seconds")

    def __init__(self, edges: Iterable[float]) -> None:
        ascending = sorted(set(edges))
        self.buckets: tuple[list[float], list[int]] = (ascending, [0] * (len(ascending) + 1))
        """(edges, counts), replaced together: a reader never sees one without the other."""
        self.sum_seconds = 0.0

    def observe(self, seconds: float) -> None:
        edges, counts = self.buckets
        counts[bisect_left(edges, seconds)] += 1
        self.sum_seconds += seconds

    def add_edge(self, edge: float) -> None:
        """Splits the bucket that holds `edge`. What it has counted stays in the upper part, so nothing falls."""
        edges, counts = self.buckets
        if edge in edges or len(edges) >= MAX_EDGES:
            return
        at = bisect_left(edges, edge)
        self.buckets = ([*edges[:at], edge, *edges[at:]], [*counts[:at], 0, *counts[at:]])
