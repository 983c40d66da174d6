"""History → History: what one observation adds to the memory that lives in the object's status."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from fastapi_tuning.api.conflicts import ForeignMove
from fastapi_tuning.api.status import (
    EvidenceSlot,
    FactorWatch,
    History,
    LimitingFactor,
    ReplicaNeed,
    Sample,
    number_of,
    text_of,
)
from fastapi_tuning.control.burn import HOUR, SLOT, Evidence
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.observation import Observation, Traffic, Workload
from fastapi_tuning.control.undo import forgotten

NEED_SLOT = timedelta(seconds=30)
"""Needs are kept as the maximum of a slot: the stabilisation window needs no finer record, and status stays small."""
PANIC = timedelta(minutes=5)
_LOAD_SPACING = timedelta(seconds=15)
_LOAD_MEMORY = timedelta(minutes=2)
_MOST_NEEDS, _MOST_SLOTS, _MOST_LOADS = 128, 32, 12
"""As the schema of the status has them."""
_LARGEST_NEED = 1_000_000
"""Above all bounds that a spec can have; absurd measurements must not make a number that nobody can store."""
_LONGEST_MANAGER = 253
"""As the schema of the status has it; a field manager's name is shorter."""
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
            "missed_cycles": 0,
            "settled_since": None if _is_moving(observation) else settled if unbroken else now,
        }
    )


def unwatched(history: History) -> History:
    """The memory that another process left behind: all of it holds, but for a watch that was not ours."""
    return history.model_copy(update={"observed_since": None})


def _is_moving(observation: Observation) -> bool:
    workload, signals = observation.workload, observation.signals
    unready = workload.mixes_versions or workload.ready_replicas < workload.desired_replicas
    return unready or (isinstance(signals, Traffic) and not all(pod.acknowledged for pod in signals.pods))


def remember_foreign_move(history: History, observation: Observation) -> History:
    """Note that somebody else changed the replicas since the last cycle; what was tried before is not judged then."""
    workload, left = observation.workload, history.replicas_left
    mover = workload.replicas_set_by
    if left is None or left == workload.asked_replicas or mover is None:
        return history
    move = ForeignMove(
        time=observation.time,
        replicas=workload.asked_replicas,
        by=mover.name[:_LONGEST_MANAGER],
        deliberate=mover.deliberate,
    )
    growth = history.replica_growth.model_copy(update={"experiment": None})
    undos = forgotten(history.undos, Knob.REPLICAS)
    return history.model_copy(
        update={"foreign_move": move, "replica_growth": growth, "undos": undos, "settled_since": None}
    )


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
    replicas = min(replicas, _LARGEST_NEED)
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


def remember_factor(history: History, now: datetime, factor: LimitingFactor) -> History:
    """Note since when this factor limits the service; seen in two cycles in a row it is steady."""
    before = history.factor
    if factor is not before.factor:
        changed = FactorWatch(factor=factor, since=now, steady=before.steady)
        return history.model_copy(update={"factor": changed})
    steady = before.steady if factor is LimitingFactor.UNKNOWN else factor
    return history.model_copy(update={"factor": before.model_copy(update={"steady": steady})})


def remember_worker_pods(
    history: History, workload: Workload, proposals: Iterable[Proposal], worker_bytes: int | None = None
) -> History:
    """Note how many pods replace the workers, once: the count is not to be multiplied again. One worker: forget it.

    Args:
        worker_bytes: what a worker takes now. More pods have less to do each, so the most of the way counts.
    """
    workers, proposals = workload.launch.workers, tuple(proposals)
    if workers is None:
        return history
    if workers == 1:
        return history.model_copy(update={"pods_for_one_worker": None, "worker_bytes": None})
    if proposals and worker_bytes is not None:
        history = history.model_copy(update={"worker_bytes": max(worker_bytes, history.worker_bytes or 0)})
    if history.pods_for_one_worker is None and any(proposal.knob is Knob.REPLICAS for proposal in proposals):
        pods = workload.desired_replicas * workers
        return history.model_copy(update={"pods_for_one_worker": pods})
    return history
