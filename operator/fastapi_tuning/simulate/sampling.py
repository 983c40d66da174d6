"""Which parts of a long history are simulated: all of it, or blocks drawn evenly over it.

A stratified sample: the blocks in order of time are split into as many equal groups as can be afforded, and one block
is drawn from each. Every hour has the same chance whatever the period of the load, so that sums over the sample,
scaled up, are estimates without bias; nights and mornings are there in their true proportion.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fastapi_tuning.simulate.past import BoolArray, NothingToReplay, Past, stretches

WARM_UP_SECONDS = 1800
"""Before what is judged: the law learns what a pod carries, and knows the last half hour of load."""
BLOCK_SECONDS = 3600
LEAST_BLOCK_SECONDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Slots that are simulated in one go; those from `judged` on count."""

    first: int
    judged: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that one run over the history may cost, warm-up included."""

    seconds: float
    requests: float


def blocks(covered: BoolArray, slot_seconds: int) -> tuple[Window, ...]:
    """All that can be judged, in equal parts of an hour at most; each with its warm-up, which may be in others.

    Raises:
        NothingToReplay: no stretch without gaps is long enough.
    """
    warm_up, least, most = (
        -(-seconds // slot_seconds) for seconds in (WARM_UP_SECONDS, LEAST_BLOCK_SECONDS, BLOCK_SECONDS)
    )
    found: list[Window] = []
    for first, end in stretches(covered):
        length = end - first - warm_up
        if length < least:
            continue
        for begin, stop in _parts(length, -(-length // most)):
            found.append(Window(first=first + begin, judged=first + warm_up + begin, end=first + warm_up + stop))
    if not found:
        longest = max((end - first for first, end in stretches(covered)), default=0) * slot_seconds / 60
        needed = (WARM_UP_SECONDS + LEAST_BLOCK_SECONDS) / 60
        raise NothingToReplay(
            f"the longest stretch of history without a gap is {longest:.0f} min, and {needed:.0f} min are needed"
        )
    return tuple(found)


def chosen(all_blocks: Sequence[Window], past: Past, budget: Budget, rng: np.random.Generator) -> tuple[Window, ...]:
    """As many blocks as can be afforded, one at least; drawn one from each of as many equal groups."""
    seconds = past.slot_seconds * np.array([block.end - block.first for block in all_blocks])
    requests = past.slot_seconds * np.array([past.offered[block.first : block.end].sum() for block in all_blocks])
    affordable = min(budget.seconds / seconds.mean(), budget.requests / max(1e-9, requests.mean()))
    count = max(1, min(len(all_blocks), int(affordable)))
    return tuple(all_blocks[int(rng.integers(low, high))] for low, high in _parts(len(all_blocks), count))


def _parts(length: int, count: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of so many parts of a whole, as equal as whole numbers allow; none is empty if count <= length."""
    return itertools.pairwise(length * part // count for part in range(count + 1))


def merged(drawn: Sequence[Window]) -> tuple[Window, ...]:
    """Blocks that follow each other are one window: the law need not learn anew."""
    found: list[Window] = []
    for block in drawn:
        if found and found[-1].end == block.judged:
            found[-1] = Window(first=found[-1].first, judged=found[-1].judged, end=block.end)
        else:
            found.append(block)
    return tuple(found)
