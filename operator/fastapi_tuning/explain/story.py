"""The state of a FastAPITuning and its last decisions as a person would tell them, from the object alone. Pure."""

from collections.abc import Iterable
from datetime import datetime

from fastapi_tuning.api.reason_meanings import meaning_of
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.silence import silent_for
from fastapi_tuning.api.spec import Mode
from fastapi_tuning.api.status import Condition, ConditionType, Decision, FastAPITuningStatus, LimitingFactor
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.control.stops import stops_of
from fastapi_tuning.explain.ahead import ahead
from fastapi_tuning.explain.awaited import Situation
from fastapi_tuning.explain.times import clock, length, since
from fastapi_tuning.explain.wishes import wish_told

_BAD_WHEN_TRUE = (ConditionType.SCALING_LIMITED, ConditionType.FROZEN, ConditionType.STALLED, ConditionType.FALLBACK)


def story(tuning: FastAPITuning, now: datetime) -> str:
    """Paragraphs: what it is about, how things are, what was thought about each knob, what was moved, what is next."""
    situation = Situation(
        spec=tuning.spec,
        history=tuning.status.history,
        stops=stops_of(tuning.spec, tuning.annotations, now),
        conflicts=tuning.status.conflicts,
        now=now,
    )
    paragraphs = [
        _heading(tuning),
        [*_watch(tuning, now), *_measured(tuning.status)],
        _diagnosis(tuning.status, now),
        _conditions(tuning.status.conditions, now),
        *_knobs(tuning, situation),
        _moves(tuning.status.decisions, now),
        _next(situation, tuning.status),
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"


def _heading(tuning: FastAPITuning) -> list[str]:
    spec = tuning.spec
    latency = spec.objectives.latency
    mode = f"mode {spec.mode}, suspended" if spec.suspend else f"mode {spec.mode}"
    return [
        f"FastAPITuning {tuning.name} in {tuning.namespace}: Deployment {spec.target_ref.name}, {mode}",
        f"objective: {latency.percentile} % of requests within {latency.threshold_milliseconds} ms, "
        f"at most {spec.objectives.errors.max_percent} % errors",
    ]


def _watch(tuning: FastAPITuning, now: datetime) -> list[str]:
    """How old all of this is."""
    status, last = tuning.status, tuning.status.history.last_observation_time
    if tuning.spec.mode is Mode.OFF:
        return ["The operator looks away (mode Off). What follows is what it remembers."]
    if last is None:
        return ["Nothing was decided yet: does the operator run, and watch this namespace?"]
    lines = [f"Last decision {since(last, now)}, times in UTC."]
    if (silence := silent_for(tuning, now)) is not None:
        lines.append(f"Nothing newer for {length(silence)}: the operator is down, or has no data to decide on.")
    if status.observed_generation < tuning.generation:
        lines.append("The object was changed since; the operator has not seen that yet.")
    return lines


def _measured(status: FastAPITuningStatus) -> list[str]:
    found, current = status.measured, status.current
    lines = []
    if found.offered_requests_per_second:
        lines.append(
            f"Offered {found.offered_requests_per_second} requests/s, latency {status.latency}, "
            f"{found.bad_percent} % late, {found.error_percent} % failed."
        )
    threads = "?" if current.threads is None else current.threads
    if current.replicas is not None:
        lines.append(f"{current.replicas} replicas, {threads} threads each.")
    if status.database is not None:
        share = status.database
        shared = f" by {len(share.claimants)} objects" if len(share.claimants) > 1 else ""
        lines.append(
            f"Database {share.name}: {share.used_connections} of {share.budget_connections} connections held{shared}; "
            f"up to {share.cap_pods} replicas here, fair share {share.fair_pods}."
        )
    return lines


def _diagnosis(status: FastAPITuningStatus, now: datetime) -> list[str]:
    """What limits the service, or that nothing does, and how that is known."""
    found = status.diagnosis
    if not found.evidence:
        return []
    begun = "" if found.since is None else f" since {since(found.since, now)}"
    sure = f"confidence {found.confidence}" if found.factor is not LimitingFactor.UNKNOWN else "not known"
    lines = [f"{_headline(found.factor)} ({sure}){begun}:", f"  {found.evidence}"]
    return lines + ([] if found.runner_up is None else [f"  next best fits {found.runner_up}"])


def _headline(factor: LimitingFactor) -> str:
    match factor:
        case LimitingFactor.NONE:
            return "Nothing limits the service"
        case LimitingFactor.UNKNOWN:
            return "What limits the service"
        case _:
            return f"{factor} limits the service"


def _conditions(conditions: Iterable[Condition], now: datetime) -> list[str]:
    """Those that are not as they should be."""
    lines: list[str] = []
    explained: set[str] = set()
    for condition in conditions:
        good = "False" if condition.type in _BAD_WHEN_TRUE else "True"
        if condition.status != good:
            changed = since(condition.last_transition_time, now)
            lines.append(f"{condition.type} is {condition.status} since {changed}: {condition.message}")
            lines += [] if condition.reason in explained else _meaning(condition.reason)
            explained.add(condition.reason)
    return lines


def _meaning(reason: str) -> list[str]:
    """A condition's reason is any text for the API; one of a newer operator is not known here."""
    known = reason in Reason.__members__.values()
    return [f"  ({reason}: {meaning_of(Reason(reason))})"] if known else [f"  ({reason})"]


def _knobs(tuning: FastAPITuning, situation: Situation) -> list[list[str]]:
    status = tuning.status
    if status.considered:
        return [wish_told(wish, situation) for wish in status.considered]
    if status.last_decision is None:
        return []
    return [["No rule wishes anything now. What was last worth telling:", *_move(status.last_decision, situation.now)]]


def _moves(decisions: Iterable[Decision], now: datetime) -> list[str]:
    told = [line for decision in reversed(tuple(decisions)) for line in _move(decision, now)]
    return ["Moves, the newest first:", *told] if told else []


def _move(decision: Decision, now: datetime) -> list[str]:
    last_word = "" if decision.guard is None else f", {decision.guard} had the last word"
    return [
        f"  {clock(decision.time, now)}  {decision.step}: {decision.reason}{last_word}",
        f"      {decision.message}",
    ]


def _next(situation: Situation, status: FastAPITuningStatus) -> list[str]:
    told = ahead(situation, status)
    return ["What is ahead:", *(f"  {line}" for line in told)] if told else []
