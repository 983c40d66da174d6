"""The shell around the core: one cycle over all due objects. The only module that knows every stage.

observe → tune (pure) → act → report. A target that cannot be read ends the cycle of its own object only.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fastapi_tuning.act.moves import MoveResult, carry_out
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Mode
from fastapi_tuning.api.status import Condition, ConditionType, FastAPITuningStatus
from fastapi_tuning.api.tuning import (
    GROUP,
    PAUSED_UNTIL_ANNOTATION,
    PLURAL,
    VERSION,
    FastAPITuning,
    StoredTuning,
    UnreadableTuning,
)
from fastapi_tuning.api_server import ApiServer, PatchType, resource_path
from fastapi_tuning.control.cycle import Outcome, Surroundings, tune
from fastapi_tuning.control.ledger import applied_after, history_after, original_after
from fastapi_tuning.control.observation import Observation, Signals
from fastapi_tuning.errors import (
    ContainerNotFound,
    FastAPITuningError,
    InvalidTuning,
    NotFound,
    TargetNotUnderstood,
    WriteRejected,
)
from fastapi_tuning.observe.metrics import MetricsTarget, read_signals
from fastapi_tuning.observe.prometheus import PrometheusReader
from fastapi_tuning.observe.workloads import Target, deployment_path, read_target
from fastapi_tuning.report import conditions, status
from fastapi_tuning.report.events import EventRecorder, EventType
from fastapi_tuning.report.metrics import OperatorMetrics

logger = logging.getLogger(__name__)

_PARALLEL_READS = 16


@dataclass(slots=True)
class Reconciler:
    """Runs cycles and remembers, between them, the newest status of each object by uid."""

    api: ApiServer
    prometheus: PrometheusReader
    events: EventRecorder
    metrics: OperatorMetrics
    _newest: dict[str, FastAPITuningStatus] = field(default_factory=dict)
    _written: dict[str, FastAPITuningStatus] = field(default_factory=dict)

    async def cycle(self, due: Iterable[FastAPITuning], known: Iterable[FastAPITuning], now: datetime) -> None:
        """Observe, decide, act and report for every due object; `known` are all, for conflicts between them."""
        due = [tuning for tuning in due if tuning.spec.mode is not Mode.OFF]
        older = _older_twins(tuning for tuning in known if tuning.spec.mode is not Mode.OFF)
        targets = await self._read_targets(due)
        found = {key: target for key, target in targets.items() if isinstance(target, Target)}
        signals = await asyncio.to_thread(
            read_signals,
            self.prometheus,
            [_metrics_target(tuning, found) for tuning in due if _key(tuning) in found],
            now,
        )
        for tuning in due:
            target = targets[_key(tuning)]
            if isinstance(target, FastAPITuningError):
                await self._report_problem(tuning, target, now)
            else:
                await self._reconcile(tuning, target, signals[_key(tuning)], older.get(tuning.uid), now)

    async def report_unreadable(self, tuning: UnreadableTuning, now: datetime) -> None:
        """Say that an object's spec cannot be read, and leave its target as it is."""
        await self._report_problem(tuning, tuning.problem, now)

    def forget(self, tuning: StoredTuning) -> None:
        """Drop what is remembered of an object that is gone."""
        self._newest.pop(tuning.uid, None)
        self._written.pop(tuning.uid, None)
        self.metrics.forget(tuning.namespace, tuning.name)

    def newest_status(self, tuning: StoredTuning) -> FastAPITuningStatus:
        """The status after the last cycle; after a restart, the one on the server."""
        return self._newest.get(tuning.uid, tuning.status)

    async def _read_targets(
        self, tunings: Iterable[FastAPITuning]
    ) -> dict[tuple[str, str], Target | FastAPITuningError]:
        gate = asyncio.Semaphore(_PARALLEL_READS)

        async def read(tuning: FastAPITuning) -> tuple[tuple[str, str], Target | FastAPITuningError]:
            async with gate:
                try:
                    return _key(tuning), await read_target(self.api, tuning.namespace, tuning.spec.target_ref)
                except FastAPITuningError as error:
                    return _key(tuning), error

        return dict(await asyncio.gather(*map(read, tunings)))

    async def _reconcile(
        self, tuning: FastAPITuning, target: Target, signals: Signals, twin: str | None, now: datetime
    ) -> None:
        before = self.newest_status(tuning)
        observation = Observation(time=now, workload=target.workload, signals=signals)
        surroundings = Surroundings(
            applied=before.applied, paused_until=_paused_until(tuning.annotations), duplicate_of=twin
        )
        outcome = tune(tuning.spec, observation, before.history, surroundings)
        path = deployment_path(tuning.namespace, tuning.spec.target_ref.name)
        results = await carry_out(self.api, path, target.workload, outcome.moves, before.applied)
        after = _status_after(tuning, before, observation, outcome, results)
        self._log(tuning, outcome, results)
        await self._announce(tuning, before, after, results, now)
        await self._write(tuning, after, now)

    async def _report_problem(self, tuning: StoredTuning, error: FastAPITuningError, now: datetime) -> None:
        reason, needs_a_person = _problem(error)
        self.metrics.cycle_failures.labels(reason).inc()
        before = self.newest_status(tuning)
        findings = conditions.findings_of_problem(reason, str(error), needs_a_person=needs_a_person)
        after = before.model_copy(
            update={
                "observed_generation": tuning.generation,
                "conditions": conditions.conditions_of(findings, before.conditions, tuning.generation, now),
            }
        )
        await self._announce(tuning, before, after, (), now)
        await self._write(tuning, after, now)

    async def _announce(
        self,
        tuning: StoredTuning,
        before: FastAPITuningStatus,
        after: FastAPITuningStatus,
        results: Iterable[MoveResult],
        now: datetime,
    ) -> None:
        """Events: what was moved, what the API server refused, and readiness lost or regained."""
        said: list[tuple[EventType, str, str]] = []
        if after.last_decision is not None and after.last_decision != before.last_decision:
            decision = after.last_decision
            message = f"{decision.step}: {decision.message}"
            said.append((EventType.NORMAL, decision.guard or decision.reason, message))
        said += [(EventType.WARNING, result.reason, result.message) for result in results if not result.applied]
        was, ready = _ready_of(before), _ready_of(after)
        if ready is not None and ready.status == "False" and (was is None or _differ(was, ready)):
            said.append((EventType.WARNING, ready.reason, ready.message))
        for kind, reason, message in said:
            try:
                await self.events.record(tuning, kind, reason, message, now)
            except (WriteRejected, NotFound) as error:
                logger.warning("event not posted", extra={"object": _key(tuning), "error": str(error)})

    async def _write(self, tuning: StoredTuning, after: FastAPITuningStatus, now: datetime) -> None:
        self._newest[tuning.uid] = after
        self.metrics.show(tuning, after)
        if not status.worth_writing(after, self._written.get(tuning.uid), now):
            return
        path = resource_path(
            f"{GROUP}/{VERSION}", PLURAL, namespace=tuning.namespace, name=tuning.name, subresource="status"
        )
        body = {"status": after.model_dump(mode="json", by_alias=True)}
        try:
            await self.api.patch(path, body, PatchType.MERGE)
        except (WriteRejected, NotFound) as error:
            logger.warning("status not written", extra={"object": _key(tuning), "error": str(error)})
            return
        self._written[tuning.uid] = after

    def _log(self, tuning: FastAPITuning, outcome: Outcome, results: Iterable[MoveResult]) -> None:
        for result in results:
            for knob in result.knobs:
                self.metrics.moves.labels(tuning.namespace, tuning.name, knob, result.reason).inc()
                logger.info(
                    "move",
                    extra={
                        "object": _key(tuning),
                        "knob": knob,
                        "value": outcome.moves[knob],
                        "result": result.reason,
                        "error": result.message,
                    },
                )


def _key(tuning: StoredTuning) -> tuple[str, str]:
    return tuning.namespace, tuning.name


def _metrics_target(tuning: FastAPITuning, targets: Mapping[tuple[str, str], Target]) -> MetricsTarget:
    return MetricsTarget(
        key=_key(tuning),
        pods=targets[_key(tuning)].ready_pods,
        metrics=tuning.spec.metrics,
        threshold_seconds=tuning.spec.objectives.latency.threshold_seconds,
    )


def _older_twins(known: Iterable[FastAPITuning]) -> dict[str, str]:
    """By uid, the name of the older object on the same target; the oldest of them acts."""
    first: dict[tuple[str, str, str], FastAPITuning] = {}
    twins: dict[str, str] = {}
    for tuning in sorted(known, key=lambda each: (each.creation_time, each.name)):
        reference = tuning.spec.target_ref
        owner = first.setdefault((tuning.namespace, reference.kind, reference.name), tuning)
        if owner is not tuning:
            twins[tuning.uid] = owner.name
    return twins


def _paused_until(annotations: Mapping[str, str]) -> datetime | None:
    """The annotation's time; one that cannot be read pauses for ever, since somebody meant to pause."""
    text = annotations.get(PAUSED_UNTIL_ANNOTATION)
    if text is None:
        return None
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        return _FOR_EVER
    return until if until.tzinfo is not None else _FOR_EVER


_FOR_EVER = datetime.fromisoformat("9999-12-31T00:00:00+00:00")


def _problem(error: FastAPITuningError) -> tuple[Reason, bool]:
    """(reason, whether a person must act)"""
    if isinstance(error, NotFound):
        return Reason.TARGET_NOT_FOUND, True
    if isinstance(error, ContainerNotFound):
        return Reason.CONTAINER_NOT_FOUND, True
    if isinstance(error, TargetNotUnderstood):
        return Reason.TARGET_NOT_UNDERSTOOD, True
    if isinstance(error, InvalidTuning):
        return Reason.INVALID_SPEC, True
    return Reason.WRITE_FAILED if isinstance(error, WriteRejected) else Reason.TARGET_NOT_READY, False


def _status_after(
    tuning: FastAPITuning,
    before: FastAPITuningStatus,
    observation: Observation,
    outcome: Outcome,
    results: tuple[MoveResult, ...],
) -> FastAPITuningStatus:
    now, workload, spec = observation.time, observation.workload, tuning.spec
    refused = {knob: (each.reason, each.message) for each in results if not each.applied for knob in each.knobs}
    done = {knob: value for knob, value in outcome.moves.items() if knob not in refused}
    decisions = status.decisions_of(outcome, refused, now)
    failures = [
        conditions.Finding(status="False", reason=each.reason, message=each.message)
        for each in results
        if not each.applied and each.reason is not Reason.CONFLICT
    ]
    findings = conditions.findings_of_cycle(workload, observation.signals, outcome, failures)
    measured = status.measured_of(outcome)
    threads = None if outcome.estimate is None else outcome.estimate.capacity.threads
    applied = applied_after(before.applied, done)
    return FastAPITuningStatus(
        observed_generation=tuning.generation,
        conditions=conditions.conditions_of(findings, before.conditions, tuning.generation, now),
        metrics_source=getattr(observation.signals, "source", before.metrics_source),
        limiting_factor=outcome.limiting_factor,
        measured=measured,
        objective=f"p{spec.objectives.latency.percentile} < {spec.objectives.latency.threshold_milliseconds} ms",
        latency=status.latency_of(measured, spec),
        current=status.current_of(observation, applied, threads),
        recommendation=status.recommendation_of(outcome) if outcome.verdicts else before.recommendation,
        applied=applied,
        original=original_after(before.original, before.applied, workload.desired_replicas, done),
        last_decision=status.last_decision_of(decisions, before.last_decision),
        decisions=(*before.decisions, *status.moves_among(decisions))[-status.MOST_DECISIONS :],
        history=history_after(outcome.history, observation, outcome.estimate, done),
    )


def _ready_of(each: FastAPITuningStatus) -> Condition | None:
    return next((entry for entry in each.conditions if entry.type == ConditionType.READY), None)


def _differ(left: Condition, right: Condition) -> bool:
    """In what they say, numbers in the message and times aside."""
    return (left.status, left.reason) != (right.status, right.reason)
