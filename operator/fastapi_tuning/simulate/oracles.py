"""What perfect knowledge would have cost: the best constant setting, and the best plan with the next minute known.

Both search with the simulator itself as the judge, so they know the plant exactly; no controller can.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fastapi_tuning.simulate.scaler import FloatArray
from fastapi_tuning.simulate.score import SLOT_SECONDS

MINUTE_SECONDS = 60

Keeps = Callable[[int, int], bool]
"""(replicas, threads) → whether the objective is kept over the whole load."""
Carries = Callable[[int, float], bool]
"""(replicas, requests per second) → whether the objective is kept at this constant load."""


class OutOfReach(Exception):
    """Not even the most pods keep the objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A constant setting of the service."""

    replicas: int
    threads: int


def best_static(keeps: Keeps, *, threads_grid: Sequence[int], most_replicas: int) -> Setting:
    """The fewest replicas that keep the objective, and the first thread count of the grid that needs no more.

    More pods never hurt, so the fewest are found by bisection; for each further thread count only below what was
    found. Raises OutOfReach.
    """
    best: Setting | None = None
    for threads in threads_grid:
        ceiling = most_replicas if best is None else best.replicas - 1
        if ceiling >= 1 and keeps(ceiling, threads):
            best = Setting(replicas=_least(partial(_swapped, keeps, threads), 1, ceiling), threads=threads)
    if best is None:
        raise OutOfReach(f"{most_replicas} replicas with {list(threads_grid)} threads miss the objective")
    return best


def capacity_table(carries: Carries, *, tried: Sequence[int], most_replicas: int, highest_per_pod: float) -> FloatArray:
    """Requests per second that 0, 1, 2, … `most_replicas` pods carry.

    Found by bisection to one part in 64 of `highest_per_pod` for the numbers `tried` (ascending). What each pod of
    several carries is taken to change in a straight line between them, and not beyond: several pods carry less each
    than one does, since the busiest of them breaks first.
    """
    per_pod = [_highest(partial(_per_pod, carries, pods), highest_per_pod) for pods in tried]
    every = np.arange(most_replicas + 1)
    return np.asarray(every * np.interp(every, tried, per_pod), dtype=np.float64)


def plan(
    rates: FloatArray, capacity: FloatArray, *, margin: float, lead_seconds: int, least_replicas: int
) -> list[tuple[float, int]]:
    """(second, replicas): for each minute the fewest pods whose capacity times the margin carries its busiest 10 s.

    Pods are ordered `lead_seconds` before the minute that needs them, and given back when it is over. More than the
    table holds are never asked for.
    """
    needed = np.repeat([_fewest(minute, capacity * margin) for minute in _busiest(rates)], MINUTE_SECONDS)[: len(rates)]
    needed = np.maximum(needed, least_replicas)
    wanted = [int(needed[second : second + lead_seconds + 1].max()) for second in range(len(needed))]
    changes = [(0.0, wanted[0])]
    for second, (before, after) in enumerate(itertools.pairwise(wanted), start=1):
        if after != before:
            changes.append((float(second), after))
    return changes


def _swapped(keeps: Keeps, threads: int, replicas: int) -> bool:
    return keeps(replicas, threads)


def _per_pod(carries: Carries, replicas: int, rate: float) -> bool:
    return carries(replicas, rate * replicas)


def _busiest(rates: FloatArray) -> list[float]:
    """Highest mean of 10 s in each minute."""
    starts = range(0, len(rates), SLOT_SECONDS)
    means = [float(rates[start : start + SLOT_SECONDS].mean()) for start in starts]
    slots = MINUTE_SECONDS // SLOT_SECONDS
    return [max(means[first : first + slots]) for first in range(0, len(means), slots)]


def _fewest(rate: float, capacity: FloatArray) -> int:
    return min(int(np.searchsorted(capacity, rate)), len(capacity) - 1)


def _least(holds: Callable[[int], bool], low: int, high: int) -> int:
    """Least value in [low, high] that holds, given that `high` does and that holding is monotone."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return high


def _highest(holds: Callable[[float], bool], ceiling: float) -> float:
    """Highest rate that holds, to one part in 64 of the ceiling; 0 if not even that part does."""
    parts = 64
    fails = _least(lambda part: part > parts or not holds(ceiling * part / parts), 1, parts + 1)
    return ceiling * (fails - 1) / parts
