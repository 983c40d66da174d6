"""Whether a service lived through a breakage as it should. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dev.chaos.audit_log import Write, repeated
from dev.chaos.record import Moment

MOST_FAILED_RATIO = 0.001
MOST_LATE_RATIO = 0.01
"""The service's objective: it must hold through the whole breakage, recovery included."""
WITHIN_CYCLES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that is known of one breakage; times are Unix time."""

    over: float
    """When what was broken was whole again."""
    before: Moment
    moments: Sequence[Moment]
    """From the beginning to the end of the recovery."""
    writes: Sequence[Write]
    events: frozenset[str]
    """Reasons of the events that came meanwhile."""
    answered: float
    failed: float
    late: float
    """Requests; late are those that were answered, but not within the objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What this breakage asks for."""

    needed_pods: int
    interval_seconds: float
    tells: str = ""
    """Type of a condition that must turn False meanwhile."""
    lease_seconds: float = 0.0
    """How long nobody may act, besides the two cycles."""
    interrupts_clients: bool = False
    """What is broken is what serves them: their requests are counted, and not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is told of it."""

    failed_ratio: float
    late_ratio: float
    least_pods: int
    scaled_to: tuple[str, ...]
    repeated: int
    recovered_seconds: float | None
    """From the end of the breakage to the first good cycle after it; None: there was none."""
    told: tuple[str, ...]
    """Conditions that turned, `Type=Status (Reason)`, then the reasons of events."""
    failures: tuple[str, ...]
    """What was not as it should be, in words."""

    @property
    def passed(self) -> bool:
        return not self.failures


def judge(seen: Seen, expected: Expected) -> Verdict:
    """Compare what was seen with what was to be."""
    verdict = Verdict(
        failed_ratio=_ratio(seen.failed, seen.answered),
        late_ratio=_ratio(seen.late, seen.answered),
        least_pods=min(moment.replicas for moment in (seen.before, *seen.moments)),
        scaled_to=tuple(write.body for write in seen.writes if write.is_scale),
        repeated=len(repeated(seen.writes)),
        recovered_seconds=_recovered_seconds(seen),
        told=_told(seen),
        failures=(),
    )
    return replace(verdict, failures=tuple(_failures(verdict, seen, expected)))


def _failures(verdict: Verdict, seen: Seen, expected: Expected) -> list[str]:
    found = list[str]()
    if not expected.interrupts_clients:
        if verdict.failed_ratio > MOST_FAILED_RATIO:
            found.append(f"{verdict.failed_ratio:.2%} of the requests failed")
        if verdict.late_ratio > MOST_LATE_RATIO:
            found.append(f"{verdict.late_ratio:.2%} of the requests were late")
    if verdict.least_pods < expected.needed_pods:
        found.append(f"{verdict.least_pods} pods, where {expected.needed_pods} are needed")
    if verdict.repeated:
        found.append(f"{verdict.repeated} writes twice")
    allowed = WITHIN_CYCLES * expected.interval_seconds + expected.lease_seconds
    if verdict.recovered_seconds is None or verdict.recovered_seconds > allowed:
        found.append(f"not back within {allowed:.0f} s")
    if expected.tells and not any(moment.says(expected.tells, "False") for moment in seen.moments):
        found.append(f"{expected.tells} never said False")
    return found


def _recovered_seconds(seen: Seen) -> float | None:
    """The first moment at which the operator had observed after the breakage, and says that it can."""
    for moment in seen.moments:
        if moment.observed is not None and moment.observed >= seen.over and moment.says("Ready", "True"):
            return moment.seconds - seen.over
    return None


def _told(seen: Seen) -> tuple[str, ...]:
    conditions = dict.fromkeys(
        f"{kind}={status} ({reason})"
        for moment in seen.moments
        for kind, status, reason in sorted(moment.conditions - seen.before.conditions)
    )
    return (*conditions, *sorted(seen.events))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
