"""Error budget: how fast it burns over minutes and an hour, from the counts kept in the history.

Burn rate is the share of bad requests over the share that the objective allows: 1 spends exactly the budget (SRE
workbook, chapter 5). A gate closes on a long and a short window, and only on significant evidence, so that a single
late request at night does not close it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.api.status import EvidenceSlot, number_of
from fastapi_tuning.control.significance import exceeds

SLOT = timedelta(seconds=150)
"""24 slots are an hour; a window reaches back over whole slots, so it is at most this much longer than it is called."""
HOUR = timedelta(hours=1)
_HALF_HOUR = timedelta(minutes=30)
_FIVE_MINUTES = timedelta(minutes=5)
_SCALE_DOWN_BURN = 0.25
"""In the last five minutes; over half an hour the budget itself counts, or one bad minute would hold down 30."""
_EXPLORE_BURN = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Counts of requests; `failed` of `offered` (shed ones included), `late` of those that were answered."""

    requests: float
    late: float
    failed: float

    def burns(self, objectives: Objectives, rate: float) -> bool:
        """Whether more than `rate` times what the objective allows was bad, as far as the count is significant."""
        late_ratio = rate * (1 - objectives.latency.target_ratio)
        late = exceeds(bad=self.late, total=self.requests, allowed_ratio=late_ratio)
        return late or self.fails(objectives, rate)

    def fails(self, objectives: Objectives, rate: float) -> bool:
        """Whether significantly more than `rate` times the allowed errors happened."""
        return exceeds(bad=self.failed, total=self.requests, allowed_ratio=rate * objectives.errors.max_ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """What happened in the last 5 and 30 minutes and in the last hour."""

    five_minutes: Evidence
    half_hour: Evidence
    hour: Evidence


def error_budget(slots: Iterable[EvidenceSlot], now: datetime) -> ErrorBudget:
    """Sum the slots by window."""
    slots = tuple(slots)
    return ErrorBudget(
        five_minutes=evidence_since(slots, now - _FIVE_MINUTES),
        half_hour=evidence_since(slots, now - _HALF_HOUR),
        hour=evidence_since(slots, now - HOUR),
    )


def evidence_since(slots: Iterable[EvidenceSlot], since: datetime) -> Evidence:
    """Counts of every slot that holds something from `since` on."""
    held = [slot for slot in slots if slot.time + SLOT > since]
    return Evidence(
        requests=sum(number_of(slot.requests) or 0.0 for slot in held),
        late=sum(number_of(slot.late) or 0.0 for slot in held),
        failed=sum(number_of(slot.failed) or 0.0 for slot in held),
    )


def may_scale_down(budget: ErrorBudget, objectives: Objectives) -> bool:
    """At most a quarter of the allowed rate in the last 5 minutes, and the allowed rate in the last 30."""
    return not (
        budget.five_minutes.burns(objectives, _SCALE_DOWN_BURN) or budget.half_hour.burns(objectives, _EXPLORE_BURN)
    )


def may_explore(budget: ErrorBudget, objectives: Objectives) -> bool:
    """At most the allowed rate, in the last 5 minutes and the last hour."""
    return not (budget.five_minutes.burns(objectives, _EXPLORE_BURN) or budget.hour.burns(objectives, _EXPLORE_BURN))
