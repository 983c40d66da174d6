"""Observation → Outcome: the whole law in one pure call, the same for the operator, a simulator or a back-test."""

from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.api.status import History, LimitingFactor, Settings
from fastapi_tuning.control import decide, estimate, guard, memory
from fastapi_tuning.control.decide import Knob, Proposal
from fastapi_tuning.control.observation import Delivery, NoData, Observation, Traffic, Workload
from fastapi_tuning.control.workers import propose_one_worker

_BINDING_SHARE = 0.8
"""A resource limits the service from this share of its safe rate on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What concerns a decision beyond the target itself. `applied` are the values that are ours already."""

    applied: Settings
    paused_until: datetime | None = None
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found, what every rule said, and the memory to keep. Verdicts with a value are to be carried out."""

    estimate: estimate.Estimate | None
    verdicts: tuple[guard.Verdict, ...]
    limiting_factor: LimitingFactor
    history: History

    @property
    def moves(self) -> dict[Knob, int]:
        """New values by knob."""
        return {verdict.proposal.knob: verdict.value for verdict in self.verdicts if verdict.value is not None}


def tune(spec: FastAPITuningSpec, observation: Observation, history: History, surroundings: Surroundings) -> Outcome:
    """Decide on one target. Without data nothing moves, and the watch over the target is interrupted."""
    if isinstance(observation.signals, NoData):
        return Outcome(estimate=None, verdicts=(), limiting_factor=LimitingFactor.UNKNOWN, history=history)
    last_time = history.last_observation_time
    history = memory.remember_watch(history, observation.time, spec.interval_seconds)
    elapsed_seconds = _watched_seconds(history, last_time)
    if isinstance(observation.signals, Traffic):
        return _with_traffic(spec, observation, observation.signals, history, surroundings, elapsed_seconds)
    proposal = decide.propose_idle_replicas(spec, observation.workload)
    history = memory.remember_need(history, observation.time, proposal.wanted)
    verdict = _judge(proposal, spec, observation, history, surroundings, objective_missed=False)
    return Outcome(estimate=None, verdicts=(verdict,), limiting_factor=LimitingFactor.NONE, history=history)


def _with_traffic(
    spec: FastAPITuningSpec,
    observation: Observation,
    traffic: Traffic,
    history: History,
    surroundings: Surroundings,
    elapsed_seconds: float,
) -> Outcome:
    workload = observation.workload
    found = estimate.estimate(traffic, workload, spec.objectives, history.learned)
    trim = _trim(history, found, spec, observation, elapsed_seconds)
    replicas = decide.propose_replicas(found, workload, trim)
    history = memory.remember_need(history, observation.time, replicas.wanted)
    history = memory.remember_capacity(history, workload.template_hash, found, trim)
    one_worker = propose_one_worker(spec, workload, history)
    history = memory.remember_worker_pods(history, one_worker)
    proposals = one_worker or (replicas, *_settings(spec, found, workload, surroundings.applied, trim))
    missed = found.verdict is estimate.Verdict.MISSED
    return Outcome(
        estimate=found,
        verdicts=tuple(
            _judge(proposal, spec, observation, history, surroundings, objective_missed=missed)
            for proposal in proposals
        ),
        limiting_factor=_limiting_factor(found, workload.ready_replicas),
        history=history,
    )


def _trim(
    history: History,
    found: estimate.Estimate,
    spec: FastAPITuningSpec,
    observation: Observation,
    elapsed_seconds: float,
) -> float:
    """The feedback, frozen while its effect cannot be seen (anti-windup): rollout, unready pods, dead time."""
    workload, learned = observation.workload, history.learned
    previous = float(learned.feedback) if learned.template_hash == workload.template_hash else 0.0
    moves = (history.last_scale_up_time, history.last_rollout_time, history.last_setting_time)
    moved = [time for time in moves if time is not None]
    settled = all(observation.time - time >= guard.EFFECT_DELAY for time in moved)
    if workload.rollout_in_progress or workload.ready_replicas < workload.desired_replicas or not settled:
        return previous
    return decide.feedback(previous, found, spec, ready=workload.ready_replicas, elapsed_seconds=elapsed_seconds)


def _settings(
    spec: FastAPITuningSpec,
    found: estimate.Estimate,
    workload: Workload,
    applied: Settings,
    trim: float,
) -> tuple[Proposal, ...]:
    """Proposals for settings; what would have to go through a variable that the launcher ignores is not proposed."""
    rollout = workload.delivery is Delivery.ROLLOUT
    ignored = {setting.variable for setting in workload.launch.settings if rollout and setting.blocked_by is not None}
    threads = decide.propose_threads(found, spec, trim)
    limit = decide.propose_limit_concurrency(found, spec, applied.limit_concurrency)
    fixed = decide.propose_fixed(spec, applied)
    candidates = (threads, limit, *fixed)
    return tuple(
        proposal
        for proposal in candidates
        if proposal is not None and decide.VARIABLES.get(proposal.knob) not in ignored
    )


def _judge(
    proposal: Proposal,
    spec: FastAPITuningSpec,
    observation: Observation,
    history: History,
    surroundings: Surroundings,
    *,
    objective_missed: bool,
) -> guard.Verdict:
    context = guard.Context(
        now=observation.time,
        observation=observation,
        spec=spec,
        history=history,
        mode=spec.effective_mode(_knob_mode(spec, proposal.knob)),
        objective_missed=objective_missed,
        paused_until=surroundings.paused_until,
        duplicate_of=surroundings.duplicate_of,
    )
    return guard.judge(proposal, context, _chain(proposal.knob, observation.workload.delivery))


def _chain(knob: Knob, delivery: Delivery) -> tuple[guard.Guard, ...]:
    if knob is Knob.REPLICAS:
        return guard.REPLICA_CHAIN
    live = delivery is Delivery.LIVE and knob is not Knob.WORKERS
    return guard.LIVE_SETTING_CHAIN if live else guard.SETTING_CHAIN


def _knob_mode(spec: FastAPITuningSpec, knob: Knob) -> Mode:
    return {
        Knob.REPLICAS: spec.replicas.mode,
        Knob.THREADS: spec.thread_pool.mode,
        Knob.LIMIT_CONCURRENCY: spec.uvicorn.limit_concurrency.mode,
        Knob.TIMEOUT_KEEP_ALIVE: spec.uvicorn.timeout_keep_alive.mode,
        Knob.LIMIT_MAX_REQUESTS: spec.uvicorn.limit_max_requests.mode,
        Knob.WORKERS: spec.workers.mode,
    }[knob]


def _limiting_factor(found: estimate.Estimate, ready: int) -> LimitingFactor:
    """The resource that binds, once the pods carry 80 % of what it allows."""
    safe = found.capacity.safe_per_second
    if safe is None:
        return LimitingFactor.UNKNOWN
    loaded = found.imbalance * found.offered_per_second >= _BINDING_SHARE * safe * max(1, ready)
    return found.capacity.binding if loaded else LimitingFactor.NONE


def _watched_seconds(history: History, last: datetime | None) -> float:
    """Time since the observation before this one; 0 if the watch has just begun, since a gap proves nothing."""
    now = history.last_observation_time
    if now is None or last is None or history.observed_since == now:
        return 0.0
    return max(0.0, (now - last).total_seconds())
