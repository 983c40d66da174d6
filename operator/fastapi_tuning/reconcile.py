"""The shell around the core: one cycle over all due objects. The only module that knows every stage.

observe → tune (pure) → act → report. Whatever goes wrong with one object, expected or not, ends its own cycle only.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from fastapi_tuning.act.moves import MoveResult, carry_out
from fastapi_tuning.act.restore import restore
from fastapi_tuning.api.pause import unreadable_pause
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Mode, OnDelete
from fastapi_tuning.api.status import FastAPITuningStatus, History
from fastapi_tuning.api.tuning import (
    GROUP,
    PLURAL,
    VERSION,
    FastAPITuning,
    StoredTuning,
    UnreadableTuning,
)
from fastapi_tuning.api.twins import older_twins
from fastapi_tuning.api.via import ReplicasVia
from fastapi_tuning.api_server import ApiServer, PatchType, resource_path
from fastapi_tuning.connection_book import ConnectionBook, acts, sharing
from fastapi_tuning.containment import contained
from fastapi_tuning.control.autoscaler import driven_after
from fastapi_tuning.control.cycle import Outcome, Surroundings, tune
from fastapi_tuning.control.knobs import COUNTS_OF_PODS
from fastapi_tuning.control.ledger import (
    about_target,
    applied_after,
    history_after,
    original_after,
    resources_before,
    with_rolled_out,
)
from fastapi_tuning.control.memory import unwatched
from fastapi_tuning.control.observation import Observation, Signals, checked
from fastapi_tuning.control.stops import stops_of
from fastapi_tuning.control.undo import newly_taken_back
from fastapi_tuning.errors import FastAPITuningError, NotFound, NotLeading, WriteRejected
from fastapi_tuning.live_path import LivePath, LiveStep, Turn
from fastapi_tuning.metrics_endpoints import Endpoints, metrics_target, read_agents_of, read_signals_of, with_agents
from fastapi_tuning.observe.agents import NO_READINGS, AgentReadings, marked
from fastapi_tuning.observe.controllers import NO_CONTROLLERS, ControllerReader
from fastapi_tuning.observe.signals import with_ages
from fastapi_tuning.observe.workloads import Target, deployment_path, read_target
from fastapi_tuning.report import conditions, news, status
from fastapi_tuning.report.events import EventRecorder, EventType
from fastapi_tuning.report.metrics import OperatorMetrics
from fastapi_tuning.report.problems import reason_of

logger = logging.getLogger(__name__)

_PARALLEL_READS = 16


@dataclass(slots=True)
class Reconciler:
    """Runs cycles and remembers, between them, the newest status of each object by uid."""

    api: ApiServer
    prometheus: Endpoints
    events: EventRecorder
    metrics: OperatorMetrics
    live_path: LivePath
    controllers: ControllerReader
    divides_resources: bool = False
    """Whether requests and limits may be changed (spec.workers.resources)."""
    _newest: dict[str, FastAPITuningStatus] = field(default_factory=dict)
    _written: dict[str, FastAPITuningStatus] = field(default_factory=dict)
    _watched: set[str] = field(default_factory=set)
    """Objects, by uid, that this process has decided on before."""

    async def cycle(self, due: Iterable[FastAPITuning], known: Iterable[FastAPITuning], now: datetime) -> None:
        """Observe, decide, act and report for every due object; `known` are all, for conflicts between them.

        Raises:
            NotLeading: the lease was lost half-way, so nothing more is done.
        """
        due = tuple(due)
        for tuning in due:
            if tuning.spec.mode is Mode.OFF:
                await contained(self._report_off(tuning, now), _key(tuning))
        active = [tuning for tuning in due if tuning.spec.mode is not Mode.OFF]
        known = tuple(known)
        older = older_twins(tuning for tuning in known if tuning.spec.mode is not Mode.OFF)
        targets = await self._read_targets((*active, *sharing(active, known)), now)
        book = ConnectionBook.of(known, targets, older, self.newest_status, now)
        found = {key: target for key, target in targets.items() if isinstance(target, Target)}
        readable = [tuning for tuning in active if _key(tuning) in found]
        signals = await read_signals_of(self.prometheus, [metrics_target(each, found) for each in readable], now)
        readings = await read_agents_of(self.prometheus, with_agents(readable, found), now)
        for tuning in active:
            problem = await self._worked_off(tuning, targets, signals, readings, book, older.get(tuning.uid), now)
            if isinstance(problem, NotLeading):
                raise problem
            if problem is not None:
                await contained(self._report_problem(tuning, problem, now), _key(tuning))

    async def report_unreadable(self, tuning: UnreadableTuning, now: datetime) -> None:
        """Say that an object's spec cannot be read, and leave its target as it is."""
        await contained(self._report_problem(tuning, tuning.problem, now), _key(tuning))

    async def let_go(self, tuning: StoredTuning) -> None:
        """An object is gone: give its target back what it had, if the object asked for that, and forget it."""
        if isinstance(tuning, FastAPITuning) and tuning.spec.on_delete is OnDelete.RESTORE:
            problem = await contained(self._restore(tuning), _key(tuning))
            if problem is not None:
                logger.warning("not restored", extra={"object": _key(tuning), "error": str(problem)})
        self._newest.pop(tuning.uid, None)
        self._written.pop(tuning.uid, None)
        self._watched.discard(tuning.uid)
        self.metrics.forget(tuning.namespace, tuning.name)

    def forget_all(self) -> None:
        """From now on the objects themselves tell what was learned and done, as after a restart."""
        self._newest.clear()
        self._written.clear()
        self._watched.clear()
        self.metrics.forget_all()

    def newest_status(self, tuning: StoredTuning) -> FastAPITuningStatus:
        """The status after the last cycle; after a restart, and where another operator acts, the one on the server."""
        return self._newest.get(tuning.uid, tuning.status)

    async def _read_targets(
        self, tunings: tuple[FastAPITuning, ...], now: datetime
    ) -> dict[tuple[str, str], Target | FastAPITuningError]:
        gate = asyncio.Semaphore(_PARALLEL_READS)
        driven = {each.namespace for each in tunings if each.spec.replicas.via is ReplicasVia.SCALED_OBJECT}
        namespaces = (tuning.namespace for tuning in tunings)
        beside = await self.controllers.read(namespaces, now, scaled_objects_driven_in=driven)

        async def read(tuning: FastAPITuning) -> tuple[tuple[str, str], Target | FastAPITuningError]:
            controllers = beside[tuning.namespace]
            if isinstance(controllers, FastAPITuningError):
                return _key(tuning), controllers
            async with gate:
                spec = tuning.spec
                reading = read_target(self.api, tuning.namespace, spec.target_ref, controllers, spec.replicas.via)
                return _key(tuning), await contained(reading, _key(tuning))

        return dict(await asyncio.gather(*map(read, tunings)))

    async def _worked_off(
        self,
        tuning: FastAPITuning,
        targets: Mapping[tuple[str, str], Target | FastAPITuningError],
        signals: Mapping[tuple[str, str], Signals | FastAPITuningError],
        readings: Mapping[str, AgentReadings | None],
        book: ConnectionBook,
        twin: str | None,
        now: datetime,
    ) -> FastAPITuningError | None:
        """One object's part of the cycle, and what ended it early."""
        target = targets[_key(tuning)]
        if isinstance(target, FastAPITuningError):
            return target
        seen = signals[_key(tuning)]
        if isinstance(seen, FastAPITuningError):
            return seen
        told = readings.get(tuning.spec.metrics.endpoint, NO_READINGS)
        everything = _Seen(target=target, signals=seen, readings=told, book=book)
        return await contained(self._reconcile(tuning, everything, twin, now), _key(tuning))

    async def _restore(self, tuning: FastAPITuning) -> None:
        target = await read_target(self.api, tuning.namespace, tuning.spec.target_ref, NO_CONTROLLERS)
        path = deployment_path(tuning.namespace, tuning.spec.target_ref.name)
        about = about_target(self.newest_status(tuning), target.workload.uid)
        pods = [pod.name for pod in target.agents.carrying]
        await restore(self.api, path, target.workload, about, target.own_variables, pods)

    async def _reconcile(self, tuning: FastAPITuning, seen: "_Seen", twin: str | None, now: datetime) -> None:
        target, book = seen.target, seen.book
        before = about_target(self.newest_status(tuning), target.workload.uid)
        view = self.live_path.view(tuning, target, before.live, seen.readings, now)
        if not view.holds_settings:
            before = before.model_copy(update={"applied": with_rolled_out(before.applied, target.rolled_out)})
        observation = Observation(
            time=now,
            workload=replace(target.workload, delivery=view.delivery, launch=view.launch),
            signals=checked(with_ages(marked(seen.signals, view.found), target.ready_since, tuning.namespace, now)),
            dependencies=(seen.readings or NO_READINGS).dependencies_of(tuning.namespace, target.agents),
            blocking=view.blocking,
        )
        surroundings = Surroundings(
            applied=before.applied,
            stops=stops_of(tuning.spec, tuning.annotations, now),
            duplicate_of=twin,
            database=book.share(tuning, before.database, now),
            autoscaler=before.autoscaler,
            divides_resources=self.divides_resources,
        )
        outcome = tune(tuning.spec, observation, self._own_history(tuning, before), surroundings)
        outcome = replace(outcome, database=book.reserved(tuning, outcome, view.way))
        path = deployment_path(tuning.namespace, tuning.spec.target_ref.name)
        results = await carry_out(
            self.api, path, observation.workload, outcome.moves, before.applied, view.way, outcome.resources
        )
        after = _status_after(tuning, before, observation, outcome, results)
        # Known before any pod is replaced: what the webhook gives to new pods is read from it.
        self._newest[tuning.uid] = after
        self._watched.add(tuning.uid)
        turn = Turn(
            tuning=tuning,
            target=target,
            view=view,
            signals=observation.signals,
            after=after,
            acting=acts(tuning, now) and twin is None,
            now=now,
        )
        step = await self.live_path.step(turn)
        if step.decision is not None:
            book.restarted(tuning)
        after = self._newest[tuning.uid] = _with_live_step(after, before, step, now)
        self._log(tuning, outcome, results)
        self._count_undone(tuning, before, after)
        await self._announce(tuning, before, after, (*_said_of(results), *step.said), now)
        await self._write(tuning, after, now)

    def _own_history(self, tuning: FastAPITuning, before: FastAPITuningStatus) -> History:
        """What is remembered; who watched before a restart was not us, so the watch begins anew."""
        return before.history if tuning.uid in self._watched else unwatched(before.history)

    async def _report_off(self, tuning: FastAPITuning, now: datetime) -> None:
        """Once: an object that looks away must not go on showing what it saw last."""
        self.metrics.forget(tuning.namespace, tuning.name)
        before = self.newest_status(tuning)
        after = status.switched_off(before, tuning.generation, now)
        if after != self._written.get(tuning.uid, tuning.status):
            await self._store(tuning, after)

    async def _report_problem(self, tuning: StoredTuning, error: FastAPITuningError, now: datetime) -> None:
        reason, needs_a_person = reason_of(error)
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
        also: Iterable[tuple[EventType, str, str]],
        now: datetime,
    ) -> None:
        """Events: what was moved, `also` this, what limits now, and what stopped being true that should be."""
        undone = news.of_the_undos(before, after)
        said = (*undone, *news.of_the_decision(before, after), *also, *news.of_the_factor(before, after))
        for kind, reason, message in (*said, *news.of_the_conditions(before, after)):
            try:
                await self.events.record(tuning, kind, reason, message, now)
            except (WriteRejected, NotFound) as error:
                logger.warning("event not posted", extra={"object": _key(tuning), "error": str(error)})

    async def _write(self, tuning: StoredTuning, after: FastAPITuningStatus, now: datetime) -> None:
        self.metrics.show(tuning, after)
        if status.worth_writing(after, self._written.get(tuning.uid), now):
            await self._store(tuning, after)
        self._newest[tuning.uid] = after

    async def _store(self, tuning: StoredTuning, after: FastAPITuningStatus) -> None:
        self._newest[tuning.uid] = after
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

    def _count_undone(self, tuning: FastAPITuning, before: FastAPITuningStatus, after: FastAPITuningStatus) -> None:
        for knob, back in newly_taken_back(before.history.undos, after.history.undos):
            self.metrics.undone.labels(tuning.namespace, tuning.name, knob).inc()
            logger.warning("made it worse", extra={"object": _key(tuning), "knob": knob, "evidence": back.evidence})

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one cycle read about one object."""

    target: Target
    signals: Signals
    readings: AgentReadings | None
    book: ConnectionBook


def _key(tuning: StoredTuning) -> tuple[str, str]:
    return tuning.namespace, tuning.name


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
        if not each.applied and each.reason not in (Reason.CONFLICT, Reason.AGENT_MISSING)
    ]
    failures += conditions.findings_of_missing_autoscaler(outcome.owners)
    if (pause := unreadable_pause(tuning.annotations, now)) is not None:
        failures.append(conditions.Finding(status="False", reason=Reason.PAUSED, message=pause))
    stops = stops_of(spec, tuning.annotations, now)
    findings = {
        **conditions.findings_of_cycle(workload, observation.signals, outcome, failures),
        **conditions.findings_of_stops(stops),
        **conditions.findings_of_fallback(spec.fallback, outcome),
    }
    measured = status.measured_of(outcome)
    threads = None if outcome.estimate is None else outcome.estimate.capacity.threads
    applied = applied_after(before.applied, done)
    return FastAPITuningStatus(
        observed_generation=tuning.generation,
        target_uid=before.target_uid,
        conditions=conditions.conditions_of(findings, before.conditions, tuning.generation, now),
        metrics_source=getattr(observation.signals, "source", before.metrics_source),
        limiting_factor=outcome.diagnosis.factor,
        diagnosis=status.diagnosis_of(outcome),
        measured=measured,
        objective=f"p{spec.objectives.latency.percentile} < {spec.objectives.latency.threshold_milliseconds} ms",
        latency=status.latency_of(measured, spec),
        current=status.current_of(observation, applied, threads),
        recommendation=status.recommendation_of(outcome) if outcome.verdicts else before.recommendation,
        applied=applied,
        original=original_after(before.original, before.applied, workload, done),
        original_resources=resources_before(before.original_resources, workload, outcome.resources, done),
        live=before.live,
        database=outcome.database,
        autoscaler=driven_after(
            before.autoscaler, workload.autoscaler, before.applied, moved=bool(done.keys() & set(COUNTS_OF_PODS))
        ),
        last_decision=status.last_decision_of(decisions, before.last_decision),
        decisions=(*before.decisions, *status.moves_among(decisions))[-status.MOST_DECISIONS :],
        conflicts=status.conflicts_of(outcome),
        considered=status.considered_of(outcome, refused),
        history=history_after(outcome.history, observation, outcome.estimate, done, outcome.verdicts),
    )


def _with_live_step(
    after: FastAPITuningStatus, before: FastAPITuningStatus, step: LiveStep, now: datetime
) -> FastAPITuningStatus:
    added = conditions.conditions_of(step.findings, before.conditions, after.observed_generation, now)
    update: dict[str, object] = {"live": step.live, "conditions": (*after.conditions, *added)}
    if step.decision is not None:
        update["last_decision"] = step.decision
        update["decisions"] = (*after.decisions, step.decision)[-status.MOST_DECISIONS :]
        update["history"] = after.history.model_copy(update={"last_rollout_time": now})
    return after.model_copy(update=update)


def _said_of(results: Iterable[MoveResult]) -> list[tuple[EventType, str, str]]:
    """What the API server refused. A setting that waits for the agent is no refusal: a condition tells about that."""
    return [
        (EventType.WARNING, result.reason, result.message)
        for result in results
        if not result.applied and result.reason is not Reason.AGENT_MISSING
    ]
