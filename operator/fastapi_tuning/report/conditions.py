"""The conditions of a FastAPITuning from what a cycle found. Pure; their polarity is documented with the types."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.api.fallback import Fallback
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import Condition, ConditionType, DatabaseShare
from fastapi_tuning.control.cycle import Outcome
from fastapi_tuning.control.fallback import falls_back
from fastapi_tuning.control.foreign_owner import ForeignOwner
from fastapi_tuning.control.guards.database import connections_told
from fastapi_tuning.control.guards.verdict import Hold
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import NoData, NoTraffic, Signals, Workload
from fastapi_tuning.control.one_process import need_of_one, reserved_told
from fastapi_tuning.control.stops import Stop

_MESSAGE_LENGTH = 1024
"""A message may quote what users wrote, and that may be long."""
_LIMITING = (
    Reason.AT_MAXIMUM,
    Reason.ANOTHER_AUTOSCALER,
    Reason.AUTOSCALER_NOT_FOUND,
    Reason.DUPLICATE_TARGET,
    Reason.PROGRESSIVE_DELIVERY,
    Reason.FIELD_CONFLICT,
    Reason.UNSCHEDULABLE,
    Reason.DATABASE_BUDGET,
    Reason.UNDONE,
)
_NEEDS_A_PERSON = (Reason.FIELD_CONFLICT, Reason.PAUSED, Reason.AUTOSCALER_NOT_FOUND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A condition without its times: "True", "False" or "Unknown", and why."""

    status: str
    reason: Reason
    message: str = ""


Findings = Mapping[ConditionType, Finding]


def findings_of_problem(reason: Reason, message: str, *, needs_a_person: bool) -> Findings:
    """Conditions when the target could not even be read."""
    unknown = Finding(status="Unknown", reason=reason, message=message)
    return {
        ConditionType.READY: Finding(status="False", reason=reason, message=message),
        ConditionType.STALLED: Finding(status=_status(needs_a_person), reason=reason, message=message),
        ConditionType.METRICS_AVAILABLE: unknown,
        ConditionType.OBJECTIVE_MET: unknown,
    }


def findings_of_off() -> Findings:
    """Conditions of an object that looks away: nothing is known any more."""
    unknown = Finding(status="Unknown", reason=Reason.MODE_OFF, message="spec.mode is Off")
    told = {
        ConditionType.METRICS_AVAILABLE,
        ConditionType.OBJECTIVE_MET,
        ConditionType.SCALING_LIMITED,
        ConditionType.ONE_WORKER_PER_POD,
        ConditionType.SETTINGS_EFFECTIVE,
        ConditionType.NO_CONFLICT,
        ConditionType.FROZEN,
        ConditionType.STALLED,
    }
    ready = Finding(status="False", reason=Reason.MODE_OFF, message="spec.mode is Off: not looking")
    return {ConditionType.READY: ready, **{kind: unknown for kind in ConditionType if kind in told}}


def findings_of_cycle(workload: Workload, signals: Signals, outcome: Outcome, failures: Iterable[Finding]) -> Findings:
    """Conditions of a complete cycle; `failures` are what a person should hear of first, refused writes for example."""
    failure = next(iter(failures), None)
    database = {} if outcome.database is None else {ConditionType.DATABASE_WITHIN_BUDGET: _database(outcome.database)}
    return {
        ConditionType.READY: failure or _ready(signals),
        ConditionType.METRICS_AVAILABLE: _metrics(signals, workload),
        ConditionType.OBJECTIVE_MET: _objective(signals, outcome),
        ConditionType.SCALING_LIMITED: _limited(outcome),
        ConditionType.ONE_WORKER_PER_POD: _one_worker(workload, signals, outcome),
        ConditionType.SETTINGS_EFFECTIVE: _settings(workload),
        ConditionType.NO_CONFLICT: _conflict(outcome.owners),
        ConditionType.STALLED: Finding(
            status=_status(failure is not None and failure.reason in _NEEDS_A_PERSON),
            reason=failure.reason if failure else Reason.TUNING,
            message=failure.message if failure else "",
        ),
        **database,
    }


def findings_of_missing_autoscaler(owners: Iterable[ForeignOwner]) -> list[Finding]:
    """What was looked for where spec.replicas.via names an autoscaler that the target does not have."""
    missing = (each for each in owners if each.reason is Reason.AUTOSCALER_NOT_FOUND)
    return [Finding(status="False", reason=each.reason, message=each.told) for each in missing]


def findings_of_stops(stops: Iterable[Stop]) -> Findings:
    """What the user stopped; the first counts, all are told."""
    stops = tuple(stops)
    told = "; ".join(stop.told for stop in stops) or "no pause, no freeze window"
    reason = stops[0].reason if stops else Reason.TUNING
    return {ConditionType.FROZEN: Finding(status=_status(bool(stops)), reason=reason, message=told)}


def findings_of_fallback(fallback: Fallback | None, outcome: Outcome) -> Findings:
    """Whether the fallback of the spec holds; nothing where there is none."""
    if fallback is None:
        return {}
    missed = f"{outcome.history.missed_cycles} of {fallback.after_missed_cycles} cycles without data"
    finding = Finding(status="False", reason=Reason.TUNING, message=missed)
    if falls_back(outcome.history, fallback):
        held = [guard.message for verdict in outcome.verdicts for guard in verdict.guards if isinstance(guard, Hold)]
        message = "; ".join([f"at least {fallback.min_replicas} replicas", *held, outcome.diagnosis.evidence])
        finding = Finding(status="True", reason=Reason.FALLBACK, message=message)
    return {ConditionType.FALLBACK: finding}


def conditions_of(
    findings: Findings, previous: tuple[Condition, ...], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Findings with times: `lastTransitionTime` moves only when the status does."""
    before = {condition.type: condition for condition in previous}
    return tuple(
        Condition(
            type=kind,
            status=finding.status,
            reason=finding.reason,
            message=finding.message[:_MESSAGE_LENGTH],
            observed_generation=generation,
            last_transition_time=(
                before[kind].last_transition_time if kind in before and before[kind].status == finding.status else now
            ),
        )
        for kind, finding in findings.items()
    )


def _status(value: bool) -> str:  # noqa: FBT001  # a condition's status is a boolean by nature
    return "True" if value else "False"


def _ready(signals: Signals) -> Finding:
    if isinstance(signals, NoData):
        return Finding(status="False", reason=signals.reason, message=f"holding: {signals.message}")
    return Finding(status="True", reason=Reason.TUNING, message="observing and deciding")


def _metrics(signals: Signals, workload: Workload) -> Finding:
    if isinstance(signals, NoData):
        return Finding(status="False", reason=signals.reason, message=signals.message)
    if signals.scraped_pods < workload.ready_replicas:
        return Finding(
            status="False",
            reason=Reason.PARTLY_SCRAPED,
            message=f"{signals.scraped_pods} of {workload.ready_replicas} ready pods scraped: nothing moves down",
        )
    return Finding(status="True", reason=Reason.METRICS_AVAILABLE, message=f"source {signals.source}")


def _objective(signals: Signals, outcome: Outcome) -> Finding:
    if isinstance(signals, NoData):
        return Finding(status="Unknown", reason=signals.reason, message=signals.message)
    if isinstance(signals, NoTraffic) or outcome.estimate is None:
        return Finding(status="Unknown", reason=Reason.NO_TRAFFIC, message="no requests in the window")
    found = outcome.estimate
    message = (
        f"{found.bad_ratio:.2%} late and {found.error_ratio:.2%} failed of {found.requests_in_window:.0f} requests"
    )
    match found.verdict:
        case Verdict.MISSED:
            limit = f"{outcome.diagnosis.factor} limits: {outcome.diagnosis.evidence}"
            return Finding(status="False", reason=Reason.OBJECTIVE_MISSED, message=f"{message}; {limit}")
        case Verdict.TOO_FEW_REQUESTS:
            return Finding(status="Unknown", reason=Reason.TOO_FEW_REQUESTS, message=message)
        case Verdict.MET:
            return Finding(status="True", reason=Reason.OBJECTIVE_MET, message=message)


def _limited(outcome: Outcome) -> Finding:
    for verdict in outcome.verdicts:
        for guard in verdict.guards:
            if guard.reason in _LIMITING:
                return Finding(status="True", reason=guard.reason, message=f"{verdict.proposal.knob}: {guard.message}")
    return Finding(status="False", reason=Reason.TUNING, message="no bound or other owner in the way")


def _conflict(owners: Iterable[ForeignOwner]) -> Finding:
    """The first that holds something gives the reason; one that holds nothing is told, and no conflict."""
    holding = [owner for owner in owners if owner.knobs]
    beside = [f"{owner.told}, which holds nothing" for owner in owners if not owner.knobs]
    if not holding:
        message = "; ".join(beside) or "nobody else moves what we would move"
        return Finding(status="True", reason=Reason.NO_CONFLICT, message=message)
    told = [f"{owner.told}: {', '.join(owner.knobs)} held" for owner in holding]
    return Finding(status="False", reason=holding[0].reason, message="; ".join([*told, *beside]))


def _database(share: DatabaseShare) -> Finding:
    told = connections_told(share)
    if share.used_connections > share.budget_connections:
        message = f"{told}: no pod more until there is room"
        return Finding(status="False", reason=Reason.DATABASE_OVERCOMMITTED, message=message)
    if share.limits_differ:
        message = f"objects state different limits, the smallest holds: {told}"
        return Finding(status="False", reason=Reason.DATABASE_LIMITS_DIFFER, message=message)
    return Finding(status="True", reason=Reason.DATABASE_BUDGET, message=told)


def _one_worker(workload: Workload, signals: Signals, outcome: Outcome) -> Finding:
    launch = workload.launch
    if launch.workers is None:
        message = f"the worker count is not in the pod template: {launch.workers_from}"
        return Finding(status="Unknown", reason=Reason.WORKERS_UNKNOWN, message=message)
    if launch.workers <= 1:
        return Finding(status="True", reason=Reason.ONE_WORKER, message="one worker per pod")
    change = next((each for each in outcome.verdicts if each.proposal.reason is Reason.WORKERS_TO_PODS), None)
    if change is not None:
        remedy = change.guards[-1].message if change.guards else change.proposal.message
    elif launch.worker_variables or workload.may_enforce_one_worker:
        remedy = "spec.workers.mode: Enforce turns them into pods"
    else:
        remedy = "no environment variable overrides that: change it and multiply the replicas"
    reserved = reserved_told(workload, need_of_one(workload, signals))
    message = f"{launch.workers} workers a pod by {launch.workers_from}; {remedy}; with one worker each, {reserved}"
    return Finding(status="False", reason=Reason.SEVERAL_WORKERS, message=message)


def _settings(workload: Workload) -> Finding:
    for setting in workload.launch.settings:
        if setting.blocked_by is not None:
            return Finding(status="False", reason=setting.blocked_by, message=setting.blocked_message)
    if workload.launch.server == "unknown":
        return Finding(
            status="Unknown",
            reason=Reason.LAUNCHER_UNKNOWN,
            message="the pod template does not tell what starts the server: only uvicorn's own command reads UVICORN_*",
        )
    return Finding(status="True", reason=Reason.TUNING, message=f"{workload.launch.server} reads what we set")
