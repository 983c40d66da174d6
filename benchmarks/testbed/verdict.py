"""Whether the operator named what is broken, and how soon. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.testbed.cases import HEALTHY, Case
from fastapi_tuning.api.status import LimitingFactor

WITHIN_CYCLES = 3
NO_DIAGNOSIS = frozenset({HEALTHY, LimitingFactor.UNKNOWN})
"""Factors that name no cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What the status said from some moment on."""

    seconds: float
    """From the fault to the cycle that said so; below 0: before it."""
    factor: str
    confidence: str = ""
    evidence: str = ""
    runner_up: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The judgement over one case. `named` stood in the status at the third cycle, or later where none did by then."""

    case: Case
    named: Sighting | None
    cycles: int | None
    """In which the right answer was given that still stood at the third; None: none was."""
    right: bool
    false_alarms: tuple[str, ...]
    """Causes that were named where nothing is wrong."""


def cycles_until(seconds: float, interval_seconds: float) -> int:
    """Which cycle after the fault this one is. The first comes at any time up to one interval after it."""
    return max(1, math.ceil(seconds / interval_seconds))


def judge(case: Case, sightings: Sequence[Sighting], interval_seconds: float) -> Verdict:
    """Right is what is named in one of the first three cycles and still named in the third.

    A healthy service is judged over all that was seen: one cause, in any cycle, is a false alarm.
    """
    in_time = [each for each in sightings if cycles_until(each.seconds, interval_seconds) <= WITHIN_CYCLES]
    standing = in_time[-1] if in_time else None
    if case.factors == (HEALTHY,):
        alarms = tuple(dict.fromkeys(each.factor for each in sightings if each.factor not in NO_DIAGNOSIS))
        right = standing is not None and standing.factor == HEALTHY and not alarms
    else:
        alarms = ()
        right = standing is not None and _is_right(case, standing)
    return Verdict(
        case=case,
        named=standing or next(iter(sightings), None),
        cycles=_since(case, in_time, interval_seconds) if right else None,
        right=right,
        false_alarms=alarms,
    )


def _is_right(case: Case, sighting: Sighting) -> bool:
    if len(case.factors) == 1:
        return case.factors == (sighting.factor,)
    return {sighting.factor, sighting.runner_up} == set(case.factors)


def _since(case: Case, in_time: Sequence[Sighting], interval_seconds: float) -> int:
    """The cycle from which on every sighting was right."""
    first = in_time[-1]
    for sighting in reversed(in_time):
        if not _is_right(case, sighting):
            break
        first = sighting
    return cycles_until(first.seconds, interval_seconds)


def passed(verdicts: Sequence[Verdict], *, wrong_allowed: int = 1) -> bool:
    """At most one cause missed, and no false alarm."""
    wrong = sum(not verdict.right for verdict in verdicts)
    return wrong <= wrong_allowed and not any(verdict.false_alarms for verdict in verdicts)
