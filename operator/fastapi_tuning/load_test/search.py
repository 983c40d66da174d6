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
_ROUNDING = 1e-9
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
    """To start a step's Job and to remove it, as a rule."""
    most_seconds: float = 600.0
    most_bad_requests: int = 5000

    @property
    def highest(self) -> float:
        """The greatest level that is allowed."""
        return self.level_near(self.most)

    @property
    def least(self) -> float:
        """The search does not go below: half of the start three times."""
        return self.level_near(self.start / 8)

    def level_near(self, rate: float) -> float:
        """A multiple of the grain, one at least, never above `most`; in decimal places, for people to read."""
        greatest = math.floor(self.most / self.grain * (1 + _ROUNDING))
        return min(self.most, round(max(1, min(greatest, round(rate / self.grain))) * self.grain, 6))


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


def next_trial(steps: Sequence[Step], bounds: Bounds, spent_seconds: float) -> Trial | End:
    """The step after these, or why there is none.

    Args:
        spent_seconds: since the test began.
    """
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
    needed = trial.rest_seconds + trial.load_seconds + bounds.overhead_seconds
    return trial if spent_seconds + needed <= bounds.most_seconds else End.TIME_SPENT


def held(steps: Sequence[Step]) -> Step | None:
    """The step with the highest level that held; None if none did."""
    return max((step for step in steps if step.verdict is Verdict.HELD), key=lambda step: step.level, default=None)


def failed(steps: Sequence[Step]) -> Step | None:
    """The step with the lowest level that failed above all that held; None if none did."""
    best = held(steps)
    above = (step for step in steps if step.verdict.is_failure and (best is None or step.level > best.level))
    return min(above, key=lambda step: step.level, default=None)


def ladder(bounds: Bounds) -> tuple[float, ...]:
    """The levels that are tried while all of them hold."""
    levels = [bounds.level_near(bounds.start)]
    while levels[-1] < bounds.highest:
        levels.append(bounds.level_near(2 * levels[-1]))
    return tuple(levels)


def _next_level(steps: Sequence[Step], bounds: Bounds) -> float | End:
    if not steps:
        return bounds.level_near(bounds.start)
    last = steps[-1]
    if last.verdict in _ONCE_MORE:
        twice = len(steps) > 1 and steps[-2].verdict is last.verdict
        return End(last.verdict.value) if twice else last.level
    best, worst = held(steps), failed(steps)
    if last.verdict is Verdict.TOO_FEW_REQUESTS and (worst is not None or last.level >= bounds.highest):
        return End.TOO_FEW_REQUESTS
    if worst is None:
        highest = max(step.level for step in steps)
        return End.MOST_HELD if highest >= bounds.highest else bounds.level_near(2 * highest)
    if best is None:
        if len(steps) == 1:
            return last.level  # caches and connections were cold
        lower = max(bounds.least, bounds.level_near(worst.level / 2))
        return End.NOTHING_HELD if worst.level <= bounds.least else lower
    if worst.level - best.level <= max(bounds.grain, bounds.resolution * best.level) * (1 + _ROUNDING):
        return End.KNEE_FOUND
    middle = math.sqrt(best.level * worst.level)
    return bounds.level_near(min(max(middle, best.level + bounds.grain), worst.level - bounds.grain))
