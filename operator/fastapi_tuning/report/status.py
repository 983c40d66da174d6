"""The status of a FastAPITuning from what a cycle found and did. Pure; writing it is another module's business."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from fastapi_tuning.api.conflicts import KnobConflict
from fastapi_tuning.api.considered import Consideration, GuardAnswer
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import (
    Decision,
    DiagnosisStatus,
    FastAPITuningStatus,
    Measured,
    Recommendation,
    ReplicaBounds,
    Settings,
)
from fastapi_tuning.control.cycle import Outcome
from fastapi_tuning.control.guards.verdict import Clamp, Hold, Verdict
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.observation import Observation
from fastapi_tuning.report.conditions import conditions_of, findings_of_off

MOST_DECISIONS = 10
_MOST_CONSIDERED, _MOST_ANSWERS = 8, 8
_WISH_LENGTH, _ANSWER_LENGTH, _EVIDENCE_LENGTH = 512, 256, 512
_MOST_CONFLICTS, _OWNER_LENGTH = 16, 512
_LARGEST_COUNT = 1_000_000_000
"""All as the schema of the status has them."""
REFRESH = timedelta(seconds=30)
"""Numbers and history alone are written this often; whatever a person would act on is written at once."""


def measured_of(outcome: Outcome) -> Measured:
    """The evidence, rounded for people."""
    found = outcome.estimate
    if found is None:
        return Measured()
    quantile = found.latency_percentile_seconds
    return Measured(
        offered_requests_per_second=f"{found.offered_per_second:.1f}",
        latency_percentile_milliseconds="" if quantile is None else f"{quantile * 1000:.0f}",
        bad_percent=f"{found.bad_ratio * 100:.2f}",
        error_percent=f"{found.error_ratio * 100:.2f}",
    )


def diagnosis_of(outcome: Outcome) -> DiagnosisStatus:
    """What limits the service, since when, and how that is known."""
    found = outcome.diagnosis
    return DiagnosisStatus(
        factor=found.factor,
        confidence=f"{found.confidence:.2f}",
        evidence=found.evidence[:_EVIDENCE_LENGTH],
        runner_up=found.runner_up,
        since=outcome.history.factor.since if outcome.history.factor.factor is found.factor else None,
    )


def latency_of(measured: Measured, spec: FastAPITuningSpec) -> str:
    """For the printer column: what is, against what is owed."""
    return f"{measured.latency_percentile_milliseconds or '?'}/{spec.objectives.latency.threshold_milliseconds} ms"


_HARMFUL = frozenset(
    {
        Reason.CPU_BUSY,
        Reason.CONTENDED,
        Reason.MEMORY_SHORT,
        Reason.DATABASE_POOL_SHORT,
        Reason.SLOW_DEPENDENCY,
        Reason.UNSCHEDULABLE,
    }
)
"""What is held for one of these would not help; what is held for another reason is not done now, or not by us."""


def recommendation_of(outcome: Outcome) -> Recommendation:
    """Where the law would put the knobs next, bounds and pace included; where it would do harm, what they are."""
    wanted = {verdict.proposal.knob: _recommended(verdict) for verdict in outcome.verdicts}
    replicas = wanted.get(Knob.REPLICAS)
    return Recommendation(
        replicas=None if replicas is None else _bounds(replicas, outcome),
        settings=Settings(
            replicas=replicas,
            max_replicas=wanted.get(Knob.CEILING),
            threads=wanted.get(Knob.THREADS),
            limit_concurrency=wanted.get(Knob.LIMIT_CONCURRENCY),
            timeout_keep_alive_seconds=wanted.get(Knob.TIMEOUT_KEEP_ALIVE),
            limit_max_requests=wanted.get(Knob.LIMIT_MAX_REQUESTS),
        ),
    )


def _recommended(verdict: Verdict) -> int:
    proposal = verdict.proposal
    harmful = any(isinstance(guard, Hold) and guard.reason in _HARMFUL for guard in verdict.guards)
    return proposal.wanted if proposal.current is None or not harmful else proposal.current


def _bounds(target: int, outcome: Outcome) -> ReplicaBounds:
    """The least and most that were wanted lately: the spread of the evidence."""
    needs = [need.replicas for need in outcome.history.needs[-10:]] or [target]
    return ReplicaBounds(lower=min(*needs, target), target=target, upper=max(*needs, target))


def decisions_of(outcome: Outcome, refused: Mapping[Knob, tuple[Reason, str]], now: datetime) -> tuple[Decision, ...]:
    """One record for each knob that was moved, or that the law would move and something keeps from it."""
    return tuple(
        _decision(verdict, refused.get(verdict.proposal.knob), now)
        for verdict in outcome.verdicts
        if _worth_telling(verdict)
    )


def _worth_telling(verdict: Verdict) -> bool:
    """A rule that holds a knob where it should be anyway, or one that is off, tells nobody anything."""
    reasons = [guard.reason for guard in verdict.guards]
    clamped = any(isinstance(guard, Clamp) for guard in verdict.guards)
    wished = verdict.proposal.wanted != verdict.proposal.current or clamped
    return wished and Reason.MODE_OFF not in reasons


def _decision(verdict: Verdict, refusal: tuple[Reason, str] | None, now: datetime) -> Decision:
    proposal = verdict.proposal
    holds = [guard for guard in verdict.guards if isinstance(guard, Hold)]
    guard = refusal[0] if refusal else verdict.guards[-1].reason if verdict.guards else None
    notes = [guard.message for guard in verdict.guards] + ([refusal[1]] if refusal else [])
    moved = verdict.value is not None and refusal is None and not holds
    current = "" if proposal.current is None else str(proposal.current)
    return Decision(
        time=now,
        knob=proposal.knob,
        from_value=current,
        to_value=str(proposal.wanted) if moved else current,
        reason=proposal.reason,
        guard=guard,
        message="; ".join([proposal.message, *notes])[:1024],
    )


def conflicts_of(outcome: Outcome) -> tuple[KnobConflict, ...]:
    """Each knob that is left to somebody else, in the order of the owners."""
    return tuple(
        KnobConflict(
            knob=knob,
            field=owner.field[:_OWNER_LENGTH],
            owner=owner.owner[:_OWNER_LENGTH],
            reason=owner.reason,
            until=owner.until,
        )
        for owner in outcome.owners
        for knob in owner.knobs
    )[:_MOST_CONFLICTS]


def considered_of(outcome: Outcome, refused: Mapping[Knob, tuple[Reason, str]]) -> tuple[Consideration, ...]:
    """How each verdict came about, those of knobs that are off left out."""
    return tuple(
        _consideration(verdict, refused.get(verdict.proposal.knob))
        for verdict in outcome.verdicts
        if all(guard.reason is not Reason.MODE_OFF for guard in verdict.guards)
    )[:_MOST_CONSIDERED]


def _consideration(verdict: Verdict, refusal: tuple[Reason, str] | None) -> Consideration:
    proposal = verdict.proposal
    answers = [_answer(guard) for guard in verdict.guards]
    if refusal is not None:
        answers.append(GuardAnswer(reason=refusal[0], message=refusal[1][:_ANSWER_LENGTH]))
    return Consideration(
        knob=proposal.knob,
        current=None if proposal.current is None else _storable(proposal.current),
        wished=_storable(verdict.wished),
        reason=proposal.reason,
        message=proposal.message[:_WISH_LENGTH],
        guards=tuple(answers[-_MOST_ANSWERS:]),
        moved_to=None if verdict.value is None or refusal is not None else _storable(verdict.value),
    )


def _answer(guard: Clamp | Hold) -> GuardAnswer:
    value = _storable(guard.value) if isinstance(guard, Clamp) else None
    return GuardAnswer(reason=guard.reason, value=value, message=guard.message[:_ANSWER_LENGTH])


def _storable(value: int) -> int:
    """A wish before the bounds may be absurd where a measurement is."""
    return max(0, min(value, _LARGEST_COUNT))


def last_decision_of(decisions: Iterable[Decision], previous: Decision | None) -> Decision | None:
    """A move before a refusal to move; the previous refusal, with its time, if this one says the same."""
    decisions = tuple(decisions)
    first = next(iter((*moves_among(decisions), *decisions)), None)
    if first is None:
        return previous
    repeated = first.from_value == first.to_value and previous is not None and _same(first, previous)
    return previous if repeated else first


def _same(left: Decision, right: Decision) -> bool:
    """Alike but for time and numbers in the message."""
    return left.model_copy(update={"time": right.time, "message": right.message}) == right


def moves_among(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    return tuple(decision for decision in decisions if decision.from_value != decision.to_value)


def current_of(observation: Observation, applied: Settings, threads: int | None) -> Settings:
    """Values in force."""
    workload = observation.workload
    return applied.model_copy(
        update={
            "replicas": workload.desired_replicas,
            "max_replicas": None if workload.autoscaler is None else workload.autoscaler.ceiling,
            "threads": threads or applied.threads,
        }
    )


def switched_off(before: FastAPITuningStatus, generation: int, now: datetime) -> FastAPITuningStatus:
    """What is left to say in mode Off: what was moved and what is remembered, and nothing of what was seen."""
    blank = FastAPITuningStatus()
    return before.model_copy(
        update={
            "observed_generation": generation,
            "conditions": conditions_of(findings_of_off(), before.conditions, generation, now),
            "metrics_source": blank.metrics_source,
            "limiting_factor": blank.limiting_factor,
            "diagnosis": blank.diagnosis,
            "measured": blank.measured,
            "latency": blank.latency,
            "current": blank.current,
            "recommendation": blank.recommendation,
            "database": blank.database,
            "conflicts": blank.conflicts,
            "considered": blank.considered,
        }
    )


def worth_writing(new: FastAPITuningStatus, written: FastAPITuningStatus | None, now: datetime) -> bool:
    """Whether a person would see a difference, or the history on the server grows old."""
    if written is None:
        return True
    last = written.history.last_observation_time
    stale = new.history != written.history and (last is None or now - last >= REFRESH)
    return stale or _essence(new) != _essence(written)


def _essence(status: FastAPITuningStatus) -> FastAPITuningStatus:
    """The status without what changes by the second."""
    steady = tuple(condition.model_copy(update={"message": ""}) for condition in status.conditions)
    blank = FastAPITuningStatus()
    return status.model_copy(
        update={
            "conditions": steady,
            "measured": blank.measured,
            "latency": blank.latency,
            "history": blank.history,
            "considered": blank.considered,
            "diagnosis": blank.diagnosis,
            "database": blank.database,
            "recommendation": status.recommendation.model_copy(update={"replicas": None}),
        }
    )
