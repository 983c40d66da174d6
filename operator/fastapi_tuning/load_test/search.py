"""Which load to offer next: double until one does not hold, then halve the gap on a logarithmic scale. Pure.

Levels are requests per second of an open loop, or users of a closed one. That a service which fails at a level fails at
every higher one is taken for granted, so the search never goes back above a level that failed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fastapi_tuning.load_test.step import Step, Verdict

_LEAST_REQUESTS = 200
"""Expected of a step; a percentile of fewer is noise."""
_ONCE_MORE = frozenset({Verdict.GENERATOR_LATE, Verdict.TARGET_MOVED})
"""Nothing was learned; the second time in a row ends the search."""


class End(StrEnum):
    """Why there is no further step."""

    KNEE_FOUND = "KneeFound"
    """The levels that held and failed are as close as asked for."""
    MOST_HELD = "MostHeld"
    """The highest level that is allowed held: the knee is above it."""
    NOTHING_HELD = "NothingHeld"
    """The least level failed: the knee is below it."""
    TIME_SPENT = "TimeSpent"
    """Another step would take longer than allowed."""
    ERROR_BUDGET_SPENT = "ErrorBudgetSpent"
    """As many requests were bad, over all steps, as the test may cost."""
    GENERATOR_LATE = "GeneratorLate"
    """The generator cannot offer that much from where it runs."""
    TARGET_MOVED = "TargetMoved"
    """Pods came, went or were replaced while they were measured, twice in a row."""
    TOO_FEW_REQUESTS = "TooFewRequests"
    """The levels in question bring too few requests to judge a percentile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the test may cost, and how fine it is to be. `grain` is the least difference between two levels."""

    start: float
    most: float
    grain: float
    resolution: float = 0.1
    """The search ends when the failed level is at most this much above the one that held."""
    step_seconds: float = 30.0
    settle_seconds: float = 5.0
    """Offered before what is judged, so that connections and queues are those of the step."""
    rest_seconds: float = 5.0
    """Without load after a step that failed: the queue that it left is none of the next one's."""
    overhead_seconds: float = 10.0
    """To start a step's Job and to remove it; counts against the time."""
    most_seconds: float = 600.0
    most_bad_requests: int = 5000

    @property
    def least(self) -> float:
        """The search does not go below: half of the start three times."""
        return max(self.grain, self.start / 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A level to offer, for how long, and how many bad requests it may cost."""

    level: float
    rest_seconds: float
    settle_seconds: float
    seconds: float
    most_bad_requests: int

    @property
    def load_seconds(self) -> float:
        return self.settle_seconds + self.seconds


def next_trial(steps: Sequence[Step], bounds: Bounds) -> Trial | End:
    """The step after these, or why there is none."""
    level = _next_level(steps, bounds)
    if isinstance(level, End):
        return level
    bad_left = bounds.most_bad_requests - sum(step.bad for step in steps)
    if bad_left <= 0:
        return End.ERROR_BUDGET_SPENT
    trial = Trial(
        level=level,
        rest_seconds=0.0 if not steps or steps[-1].verdict is Verdict.HELD else bounds.rest_seconds,
        settle_seconds=bounds.settle_seconds,
        seconds=max(bounds.step_seconds, math.ceil(_LEAST_REQUESTS / level)),
        most_bad_requests=bad_left,
    )
    spent = sum(step.seconds for step in steps) + bounds.overhead_seconds * len(steps)
    needed = trial.rest_seconds + trial.load_seconds + bounds.overhead_seconds
    return trial if spent + needed <= bounds.most_seconds else End.TIME_SPENT


def held(steps: Sequence[Step]) -> Step | None:
    """The step with the highest level that held; None if none did."""
    return max((step for step in steps if step.verdict is Verdict.HELD), key=lambda step: step.level, default=None)


def failed(steps: Sequence[Step]) -> Step | None:
    """The step with the lowest level that failed; None if none did."""
    return min((step for step in steps if step.verdict.is_failure), key=lambda step: step.level, default=None)


def ladder(bounds: Bounds) -> tuple[float, ...]:
    """The levels that are tried while all of them hold."""
    levels = [_rounded(min(bounds.start, bounds.most), bounds)]
    while levels[-1] < bounds.most:
        levels.append(_doubled(levels[-1], bounds))
    return tuple(levels)


def _next_level(steps: Sequence[Step], bounds: Bounds) -> float | End:
    if not steps:
        return _rounded(min(bounds.start, bounds.most), bounds)
    last = steps[-1]
    if last.verdict in _ONCE_MORE:
        twice = len(steps) > 1 and steps[-2].verdict is last.verdict
        return End(last.verdict.value) if twice else last.level
    best, worst = held(steps), failed(steps)
    if last.verdict is Verdict.TOO_FEW_REQUESTS and (worst is not None or last.level >= bounds.most):
        return End.TOO_FEW_REQUESTS
    if worst is None:
        highest = max(step.level for step in steps)
        return End.MOST_HELD if highest >= bounds.most else _doubled(highest, bounds)
    if best is None:
        return End.NOTHING_HELD if worst.level <= bounds.least else max(bounds.least, _rounded(worst.level / 2, bounds))
    if worst.level - best.level <= max(bounds.grain, bounds.resolution * best.level) * (1 + _ROUNDING):
        return End.KNEE_FOUND
    middle = _rounded(math.sqrt(best.level * worst.level), bounds)
    return min(max(middle, best.level + bounds.grain), worst.level - bounds.grain)


_ROUNDING = 1e-9


def _doubled(level: float, bounds: Bounds) -> float:
    return min(bounds.most, _rounded(2 * level, bounds))


def _rounded(level: float, bounds: Bounds) -> float:
    """A multiple of the grain, one at least; in decimal places, so that people do not read 141.400000002."""
    return round(max(1, round(level / bounds.grain)) * bounds.grain, 6)
