"""History → History: what one observation, and the moves that followed, add to the memory in the object's status."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from fastapi_tuning.api.status import EvidenceSlot, History, ReplicaMove, ReplicaNeed, Sample, number_of, text_of
from fastapi_tuning.control import growth
from fastapi_tuning.control.burn import HOUR, SLOT, Evidence
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.observation import Delivery, Observation, Traffic, Workload
from fastapi_tuning.control.oscillation import CALM, oscillates

NEED_SLOT = timedelta(seconds=30)
"""Needs are kept as the maximum of a slot: the stabilisation window needs no finer record, and status stays small."""
PANIC = timedelta(minutes=5)
_LOAD_SPACING = timedelta(seconds=15)
_LOAD_MEMORY = timedelta(minutes=2)
_MOST_NEEDS, _MOST_SLOTS, _MOST_LOADS, _MOST_MOVES = 128, 32, 12, 16
"""As the schema of the status has them."""
_LONGEST_GAP = timedelta(seconds=90)
"""A longer silence breaks the watch: the stabilisation window starts anew."""


def remember_watch(history: History, observation: Observation, interval_seconds: int) -> History:
    """Note that the target was observed, and since when nothing is on its way.

    A gap longer than 90 s and three intervals starts a new watch.
    """
    now, last = observation.time, history.last_observation_time
    gap = max(_LONGEST_GAP, timedelta(seconds=3 * interval_seconds))
    unbroken = last is not None and now - last <= gap
    since = history.observed_since if unbroken and history.observed_since is not None else now
    settled = history.settled_since or now
    return history.model_copy(
        update={
            "observed_since": since,
            "last_observation_time": now,
            "settled_since": None if _is_moving(observation) else settled if unbroken else now,
        }
    )


def _is_moving(observation: Observation) -> bool:
    workload, signals = observation.workload, observation.signals
    unready = workload.rollout_in_progress or workload.ready_replicas < workload.desired_replicas
    return unready or (isinstance(signals, Traffic) and not all(pod.acknowledged for pod in signals.pods))


def settled_for(history: History, now: datetime) -> timedelta:
    """How long all pods have been ready with their settings; zero while something moves."""
    return timedelta(0) if history.settled_since is None else now - history.settled_since


def watched_seconds(before: History, after: History) -> float:
    """Time between two observations; 0 if the watch has just begun, since a gap proves nothing."""
    now, last = after.last_observation_time, before.last_observation_time
    if now is None or last is None or after.observed_since == now:
        return 0.0
    return max(0.0, (now - last).total_seconds())


def remember_need(history: History, now: datetime, replicas: int) -> History:
    """Note how many replicas were wanted; what is older than any window goes."""
    kept = [need for need in history.needs if now - need.time <= HOUR]
    if kept and now - kept[-1].time < NEED_SLOT:
        kept[-1] = ReplicaNeed(time=kept[-1].time, replicas=max(kept[-1].replicas, replicas))
    else:
        kept.append(ReplicaNeed(time=now, replicas=replicas))
    return history.model_copy(update={"needs": tuple(kept[-_MOST_NEEDS:])})


def remember_evidence(history: History, now: datetime, evidence: Evidence) -> History:
    """Add counts to the present slot; an hour of slots is kept."""
    kept = [slot for slot in history.evidence if now - slot.time <= HOUR]
    if not kept or now - kept[-1].time >= SLOT:
        kept.append(EvidenceSlot(time=now, requests="0", late="0", failed="0"))
    slot = kept[-1]
    kept[-1] = EvidenceSlot(
        time=slot.time,
        requests=text_of((number_of(slot.requests) or 0.0) + evidence.requests),
        late=text_of((number_of(slot.late) or 0.0) + evidence.late),
        failed=text_of((number_of(slot.failed) or 0.0) + evidence.failed),
    )
    return history.model_copy(update={"evidence": tuple(kept[-_MOST_SLOTS:])})


def remember_load(history: History, now: datetime, offered_per_second: float) -> History:
    """Note the offered load, at most every 15 s."""
    kept = [load for load in history.loads if now - load.time <= _LOAD_MEMORY]
    if not kept or now - kept[-1].time >= _LOAD_SPACING:
        kept.append(Sample(time=now, value=text_of(offered_per_second)))
    return history.model_copy(update={"loads": tuple(kept[-_MOST_LOADS:])})


def remember_worker_pods(history: History, workload: Workload, proposals: Iterable[Proposal]) -> History:
    """Note how many pods replace the workers, once: the count is not to be multiplied again. One worker: forget it."""
    if workload.launch.workers <= 1:
        return history.model_copy(update={"pods_for_one_worker": None})
    if history.pods_for_one_worker is None and any(proposal.knob is Knob.REPLICAS for proposal in proposals):
        pods = workload.desired_replicas * workload.launch.workers
        return history.model_copy(update={"pods_for_one_worker": pods})
    return history


def remember_moves(
    history: History, observation: Observation, estimate: Estimate | None, moves: Mapping[Knob, int]
) -> History:
    """Note what was carried out just now; a move that the API server refused is none.

    Args:
        estimate: what the moves were decided from; None without traffic.
    """
    now, workload = observation.time, observation.workload
    if not moves:
        return history
    history = history.model_copy(update={"settled_since": None})
    if Knob.REPLICAS in moves:
        history = _remember_scaling(history, now, estimate, workload.desired_replicas, moves[Knob.REPLICAS])
    for knob in moves.keys() - {Knob.REPLICAS}:
        live = workload.delivery is Delivery.LIVE and knob is not Knob.WORKERS
        history = history.model_copy(update={"last_setting_time" if live else "last_rollout_time": now})
    if Knob.THREADS in moves and estimate is not None:
        before = estimate.capacity.threads or moves[Knob.THREADS]
        found = growth.begin(history.thread_growth, estimate, before=before, after=moves[Knob.THREADS], now=now)
        history = history.model_copy(update={"thread_growth": found})
    if Knob.WORKERS in moves:
        history = history.model_copy(update={"pods_for_one_worker": None})
    return history


def _remember_scaling(history: History, now: datetime, estimate: Estimate | None, before: int, after: int) -> History:
    moves = (*history.replica_moves, ReplicaMove(time=now, change=after - before))[-_MOST_MOVES:]
    found = history.replica_growth.model_copy(update={"experiment": None})
    if estimate is not None:
        found = growth.begin(history.replica_growth, estimate, before=before, after=after, now=now)
    return history.model_copy(
        update={
            "last_scale_up_time" if after > before else "last_scale_down_time": now,
            "replica_moves": moves,
            "replica_growth": found,
            "calm_until": now + CALM if oscillates(moves, now) else history.calm_until,
        }
    )
