"""Observation → Outcome: the whole law in one pure call, the same for the operator, a simulator or a back-test."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.resources import ResourceQuantity
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import DatabaseShare, Growth, History, LimitingFactor, Settings, number_of
from fastapi_tuning.api.via import DrivenAutoscaler
from fastapi_tuning.control import growth, learning, memory, undo
from fastapi_tuning.control.autoscaler import users_ceiling
from fastapi_tuning.control.conflicts import owners_in_force
from fastapi_tuning.control.demand import WARM_SECONDS
from fastapi_tuning.control.dependencies import learn_peers
from fastapi_tuning.control.diagnosis.diagnose import Diagnosis, diagnose, without_traffic
from fastapi_tuning.control.driving import Driven, bounds_judged
from fastapi_tuning.control.estimate import Estimate, estimate
from fastapi_tuning.control.fallback import propose_fallback, remember_missed_cycle
from fastapi_tuning.control.foreign_owner import ForeignOwner
from fastapi_tuning.control.guards.chains import chain_for
from fastapi_tuning.control.guards.database import share_after, to_fair_share
from fastapi_tuning.control.guards.verdict import Context, Verdict, judge
from fastapi_tuning.control.hindsight import hindsight
from fastapi_tuning.control.knobs import VARIABLES, Knob, Proposal, mode_of
from fastapi_tuning.control.limits import may_grow, propose_limits, protection_of
from fastapi_tuning.control.objective import evidence_of
from fastapi_tuning.control.observation import Delivery, NoData, Observation, Traffic, checked
from fastapi_tuning.control.one_process import Fit, fit_of, need_of_one, process_bytes
from fastapi_tuning.control.oscillation import effect_delay, gain
from fastapi_tuning.control.replicas import carrying, panics, propose_idle_replicas, propose_replicas
from fastapi_tuning.control.stops import Stop
from fastapi_tuning.control.threads import propose_threads, relieved
from fastapi_tuning.control.workers import propose_one_worker, unfit, without_room

_SCRAPE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What concerns a decision beyond the target itself. `applied` are the values that are ours already."""

    applied: Settings
    stops: tuple[Stop, ...] = ()
    """Pauses and freeze windows in force."""
    duplicate_of: str | None = None
    """Name of the older FastAPITuning on the same target."""
    database: DatabaseShare | None = None
    """What the target may have of the database that the spec names."""
    autoscaler: DrivenAutoscaler | None = None
    """What is written down of the autoscaler that moves the pods."""
    divides_resources: bool = False
    """Whether the operator's own settings let it change requests and limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found, what every rule said, and the memory to keep. Verdicts with a value are to be carried out.

    After that, `ledger.history_after` notes which of them were.
    """

    estimate: Estimate | None
    verdicts: tuple[Verdict, ...]
    diagnosis: Diagnosis
    history: History
    database: DatabaseShare | None = None
    """The share as decided on, with what the law would take were there more."""
    owners: tuple[ForeignOwner, ...] = ()
    """Others who held something."""
    resources: tuple[ResourceQuantity, ...] = ()
    """What the container is to have once its workers move; empty: what it has."""

    @property
    def moves(self) -> dict[Knob, int]:
        """New values by knob."""
        return {verdict.proposal.knob: verdict.value for verdict in self.verdicts if verdict.value is not None}


def tune(spec: FastAPITuningSpec, observation: Observation, history: History, surroundings: Surroundings) -> Outcome:
    """Decide on one target. Without data nothing moves but to spec.fallback, and the watch over it is interrupted."""
    history = memory.remember_foreign_move(hindsight(history, observation.time), observation)
    owners = owners_in_force(spec, observation, history, surroundings.duplicate_of)
    situation = _Situation(spec=spec, observation=observation, surroundings=surroundings, owners=owners)
    outcome = replace(_decided(situation, history), owners=owners)
    verdict = next((each for each in outcome.verdicts if each.proposal.knob is Knob.REPLICAS), None)
    return replace(outcome, database=share_after(surroundings.database, verdict, observation.workload.desired_replicas))


def _decided(situation: "_Situation", history: History) -> Outcome:
    observation = situation.observation
    signals = checked(observation.signals)
    situation = replace(situation, observation=replace(observation, signals=signals))
    if isinstance(signals, NoData):
        return _without_data(situation, history)
    watched = memory.remember_watch(history, observation, situation.spec.interval_seconds)
    if isinstance(signals, Traffic):
        return _with_traffic(situation, signals, watched, memory.watched_seconds(history, watched))
    return _without_traffic(situation, watched)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Situation:
    """What stays the same through one decision."""

    spec: FastAPITuningSpec
    observation: Observation
    surroundings: Surroundings
    owners: tuple[ForeignOwner, ...]
    diagnosis: Diagnosis | None = None
    """None without traffic."""

    def verdict(self, proposal: Proposal, history: History, found: Estimate | None, *, rides: bool = False) -> Verdict:
        """What the proposal's chain says."""
        context = Context(
            now=self.observation.time,
            observation=self.observation,
            spec=self.spec,
            history=history,
            mode=mode_of(self.spec, proposal.knob),
            estimate=found,
            stops=self.surroundings.stops,
            owners=self.owners,
            database=self.surroundings.database,
            rides=rides,
            diagnosis=self.diagnosis,
        )
        return judge(proposal, context, chain_for(proposal, self.observation.workload))

    def replicas(self, wish: Proposal, history: History, found: Estimate | None) -> tuple[Verdict, ...]:
        """What becomes of a wish for pods: one verdict, or those on the bounds of the autoscaler that makes them."""
        workload, beside = self.observation.workload, self.surroundings
        if workload.autoscaler is None:
            return (self.verdict(wish, history, found),)
        driven = Driven(
            autoscaler=workload.autoscaler,
            pods=workload.desired_replicas,
            users_ceiling=users_ceiling(workload.autoscaler, beside.autoscaler, beside.applied),
            growth_cap=growth.cap_of(history.replica_growth, self.observation.time),
            counts_connections=beside.database is not None,
        )
        return bounds_judged(wish, driven, self.spec, lambda each: self.verdict(each, history, found))

    def shared(self, proposal: Proposal) -> Proposal:
        """The proposal for replicas, or to give back what is another's share of the database."""
        return to_fair_share(proposal, self.surroundings.database, self.spec, self.observation.time)

    def after(self, replicas: Verdict) -> "_Situation":
        """What is left for other knobs once the replicas move."""
        workload = self.observation.workload
        database = share_after(self.surroundings.database, replicas, workload.desired_replicas)
        return replace(self, surroundings=replace(self.surroundings, database=database))


def _without_data(situation: _Situation, history: History) -> Outcome:
    """Nothing moves, unless the spec says how many pods there are to be at least after a while of this."""
    history = remember_missed_cycle(history, situation.spec.fallback)
    proposal = propose_fallback(situation.spec, situation.observation.workload, history)
    verdicts = () if proposal is None else situation.replicas(proposal, history, None)
    found = without_traffic(situation.observation)
    return Outcome(estimate=None, verdicts=verdicts, diagnosis=found, history=history)


def _without_traffic(situation: _Situation, history: History) -> Outcome:
    proposal = propose_idle_replicas(situation.spec, situation.observation.workload)
    history = memory.remember_need(history, situation.observation.time, _need(situation, proposal))
    verdicts = situation.replicas(situation.shared(proposal), history, None)
    found = without_traffic(situation.observation)
    history = memory.remember_factor(history, situation.observation.time, found.factor)
    return Outcome(estimate=None, verdicts=verdicts, diagnosis=found, history=history)


def _with_traffic(situation: _Situation, traffic: Traffic, history: History, elapsed_seconds: float) -> Outcome:
    observation, spec = situation.observation, situation.spec
    workload, now = observation.workload, observation.time
    history = _of_this_template(history, situation)
    counted = evidence_of(traffic, min(elapsed_seconds, traffic.window_seconds))
    history = memory.remember_evidence(history, now, counted)
    found = estimate(observation, traffic, spec.objectives, history)
    history = memory.remember_load(history, now, found.offered_per_second)
    history = _judged_growth(history, found, situation, traffic)
    history = _taught(history, found, situation, traffic, elapsed_seconds)
    if panics(found, workload.ready_replicas):
        history = history.model_copy(update={"panic_until": now + memory.PANIC})
    diagnosis = diagnose(spec, observation, traffic, found, history)
    history = memory.remember_factor(history, now, diagnosis.factor)
    situation = replace(situation, diagnosis=diagnosis)
    look = _look(situation, diagnosis, history, traffic, found, elapsed_seconds)
    history = history.model_copy(update={"undos": undo.judged(history.undos, look, spec.objectives)})

    trim = number_of(history.learned.feedback) or 0.0
    threads = _threads(situation, history, found, trim)
    planned = _with_pool_of(found, threads, situation)
    replicas = _replicas(situation, history, planned, trim)
    history = memory.remember_need(history, now, _need(situation, replicas))
    change = propose_one_worker(spec, workload, history, replicas.wanted)
    fit = _fit(situation, traffic, history)
    one_worker = change if fit.hold is None else ()
    history = memory.remember_worker_pods(history, workload, one_worker, process_bytes(workload, traffic))
    if one_worker:
        step = replace(one_worker[0], message=f"{one_worker[0].message}; {fit.told}")
        of_pods = step.knob is Knob.REPLICAS
        verdicts = situation.replicas(step, history, found) if of_pods else (situation.verdict(step, history, found),)
    else:
        protection = protection_of(workload, only_refusing_helps=_only_refusing_helps(situation, history, planned))
        limits = propose_limits(found, traffic, spec, situation.surroundings.applied, protection)
        settings = [
            *([] if threads is None else [threads.proposal]),
            *(undo.taken_back(each, history.undos, found.expected_per_second, now) for each in limits),
        ]
        moved = situation.replicas(situation.shared(replicas), history, planned)
        verdicts = (
            *moved,
            *_settings(situation.after(moved[0]), history, found, settings),
            *without_room(spec, workload, history),
            *([] if not change or fit.hold is None else [unfit(workload, fit.hold)]),
        )
    return Outcome(
        estimate=found,
        verdicts=verdicts,
        resources=fit.divided,
        diagnosis=diagnosis,
        history=history,
    )


def _fit(situation: _Situation, traffic: Traffic, history: History) -> Fit:
    """Whether a pod fits one of its workers."""
    workload = situation.observation.workload
    need = need_of_one(workload, traffic, history.worker_bytes)
    permitted = situation.surroundings.divides_resources
    return fit_of(workload, need, situation.spec.workers.resources, permitted=permitted)


def _only_refusing_helps(situation: _Situation, history: History, found: Estimate) -> bool:
    """More pods bring nothing, or there may be no more of anything and there is too much load already."""
    now = situation.observation.time
    suspected = any(growth.is_suspected(each, now) for each in (history.replica_growth, history.thread_growth))
    named = situation.diagnosis is not None and situation.diagnosis.is_behind_the_pods
    cornered = found.overloaded and not may_grow(found, situation.observation.workload, situation.spec)
    return suspected or named or found.waits_downstream or cornered


def _of_this_template(history: History, situation: _Situation) -> History:
    """Another template: what was learned of its pods, and whether more of them helped, is void."""
    learned = learning.learned_of(history.learned, situation.observation.workload)
    if learned is history.learned:
        return history
    return history.model_copy(
        update={"learned": learned, "replica_growth": Growth(), "thread_growth": Growth(), "undos": ()}
    )


def _judged_growth(history: History, found: Estimate, situation: _Situation, traffic: Traffic) -> History:
    now = situation.observation.time
    pods = growth.judged(
        history.replica_growth,
        found,
        growth.REPLICAS,
        now,
        settled=_pods_are_settled(history, traffic, situation),
        carrying=carrying(found),
    )
    threads = growth.judged(
        history.thread_growth,
        found,
        growth.THREADS,
        now,
        settled=_window_is_settled(history, traffic, now),
        carrying=None,
    )
    freezes = growth.cap_of(pods, now) is not None and growth.cap_of(history.replica_growth, now) is None
    learned = learning.acquitted(history.learned) if freezes else history.learned
    return history.model_copy(update={"replica_growth": pods, "thread_growth": threads, "learned": learned})


def _window_is_settled(history: History, traffic: Traffic, now: datetime) -> bool:
    """Whether the window lies wholly after the last change."""
    return memory.settled_for(history, now) >= timedelta(seconds=traffic.window_seconds) + _SCRAPE


def _pods_are_settled(history: History, traffic: Traffic, situation: _Situation) -> bool:
    """Whether every pod was there throughout the window. A limit that moves meanwhile does not put the verdict off.

    Where the ages of pods are not known, everything must have settled. An autoscaler that did not follow, or went
    further by itself, proves nothing.
    """
    workload, now = situation.observation.workload, situation.observation.time
    experiment, whole = history.replica_growth.experiment, timedelta(seconds=traffic.window_seconds) + _SCRAPE
    if workload.autoscaler is not None and experiment is not None and workload.desired_replicas != experiment.to_value:
        return False
    ages = [pod.ready_seconds for pod in traffic.pods]
    if experiment is None or not ages or None in ages:
        return _window_is_settled(history, traffic, now)
    complete = workload.ready_replicas == workload.desired_replicas and not workload.mixes_versions
    old_enough = min(age for age in ages if age is not None) >= traffic.window_seconds
    return complete and old_enough and now - experiment.time >= whole


def _taught(
    history: History, found: Estimate, situation: _Situation, traffic: Traffic, elapsed_seconds: float
) -> History:
    """What this window teaches. Trust is frozen while its effect cannot be seen, or growth is (anti-windup).

    Nothing while another controller splits the requests between two versions.
    """
    spec, workload, now = situation.spec, situation.observation.workload, situation.observation.time
    if any(owner.mixes_versions for owner in workload.foreign_owners):
        return history
    learned = history.learned
    if not found.overloaded:
        learned = learn_peers(learned, situation.observation.dependencies, elapsed_seconds)
    settled_long = memory.settled_for(history, now) >= effect_delay(history, now)
    ages_known = all(pod.ready_seconds is not None for pod in traffic.pods)
    if learning.is_example(traffic, found, spec.objectives) and (settled_long or ages_known):
        learned = learning.learn_work(learned, traffic, found, spec.objectives, now)
    if _window_is_settled(history, traffic, now):
        learned = learning.learn_unevenness(learned, traffic, workload, elapsed_seconds)
        learned = learning.learn_proven(learned, found, workload)
        if growth.cap_of(history.replica_growth, now) is None:
            learned = learning.learn_trust(
                learned, found, workload, spec, now, gain=gain(history, now), elapsed_seconds=elapsed_seconds
            )
    return history.model_copy(update={"learned": learned})


def _look(
    situation: _Situation,
    diagnosis: Diagnosis,
    history: History,
    traffic: Traffic,
    found: Estimate,
    elapsed_seconds: float,
) -> undo.Look:
    """What this cycle shows of the moves that are watched. Refusals begin at once, so they need no delay to show."""
    observation = situation.observation
    now, seconds = observation.time, min(elapsed_seconds, traffic.window_seconds)
    whole = traffic.scraped_pods >= observation.workload.ready_replicas
    warm = all(pod.ready_seconds is None or pod.ready_seconds >= WARM_SECONDS for pod in traffic.pods)
    return undo.Look(
        now=now,
        seconds=seconds,
        counted=evidence_of(traffic, seconds),
        offered_per_second=found.offered_per_second,
        steady_since=history.settled_since if whole and warm else None,
        dead_time=timedelta(0) if found.shedding else effect_delay(history, now),
        behind_the_pods=diagnosis.is_behind_the_pods,
        fails_by_itself=diagnosis.factor is LimitingFactor.APPLICATION_ERRORS,
    )


def _threads(situation: _Situation, history: History, found: Estimate, trim: float) -> Verdict | None:
    workload, spec = situation.observation.workload, situation.spec
    on_trial = history.thread_growth.experiment is not None
    proposal = propose_threads(found, workload, spec, trim, on_trial=on_trial)
    if proposal is None or _ignored(proposal, situation):
        return None
    now = situation.observation.time
    proposal = undo.taken_back(proposal, history.undos, found.expected_per_second, now)
    proposal = relieved(proposal, found, situation.observation, spec)
    cap = growth.cap_of(history.thread_growth, now)
    return situation.verdict(_taken_back(proposal, cap, workload.delivery), history, found)


def _with_pool_of(found: Estimate, threads: Verdict | None, situation: _Situation) -> Estimate:
    """Threads go first where they are free: replicas are worked out with the pool that the pods have in a moment."""
    live = situation.observation.workload.delivery is Delivery.LIVE
    if threads is None or threads.value is None or not live:
        return found
    return found.with_threads(threads.value)


def _replicas(situation: _Situation, history: History, found: Estimate, trim: float) -> Proposal:
    workload, now = situation.observation.workload, situation.observation.time
    panic = history.panic_until is not None and panics(found, workload.ready_replicas)
    proposal = propose_replicas(found, workload, trim, panic=panic)
    proposal = undo.taken_back(proposal, history.undos, found.expected_per_second, now)
    cap = growth.cap_of(history.replica_growth, now)
    if cap is not None and found.overloaded and workload.desired_replicas < cap:
        # The pods' own threads and CPU do not explain it, but fewer were seen to serve less.
        return replace(proposal, wanted=cap, reason=Reason.DOWNSTREAM_LIMITS, message=f"fewer than {cap} served less")
    return _taken_back(proposal, cap, Delivery.LIVE)


def _taken_back(proposal: Proposal, cap: int | None, delivery: Delivery) -> Proposal:
    """Back to the cap, if there is more than that; taking back by a rollout would cost more than it saves."""
    if cap is None or proposal.current is None or proposal.current <= cap or delivery is Delivery.ROLLOUT:
        return proposal
    return replace(
        proposal,
        wanted=min(cap, proposal.wanted),
        reason=Reason.DOWNSTREAM_LIMITS,
        message=f"{growth.cap_told(cap)}; {proposal.message}",
    )


def _settings(
    situation: _Situation, history: History, found: Estimate, proposals: Iterable[Proposal]
) -> tuple[Verdict, ...]:
    """Verdicts on what the pods are configured with. If one is worth a rollout, the others may ride with it."""
    heard = [proposal for proposal in proposals if not _ignored(proposal, situation)]
    verdicts = tuple(situation.verdict(proposal, history, found) for proposal in heard)
    if all(verdict.value is None for verdict in verdicts):
        return verdicts
    return tuple(situation.verdict(proposal, history, found, rides=True) for proposal in heard)


def _ignored(proposal: Proposal, situation: _Situation) -> bool:
    """What would go through a variable that the launcher ignores is not proposed; running pods need no variable."""
    workload = situation.observation.workload
    settings = workload.launch.settings if workload.delivery is Delivery.ROLLOUT else ()
    return VARIABLES.get(proposal.knob) in {each.variable for each in settings if each.blocked_by is not None}


def _need(situation: _Situation, proposal: Proposal) -> int:
    """What the stabilisation window is to remember; a need that was not seen whole is at least what stands."""
    observation = situation.observation
    signals, workload = observation.signals, observation.workload
    partly = not isinstance(signals, NoData) and signals.scraped_pods < workload.ready_replicas
    return max(proposal.wanted, workload.desired_replicas) if partly else proposal.wanted
