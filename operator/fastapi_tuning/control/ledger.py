"""What moves leave behind once they are carried out: settings that are ours, the user's own, and when we moved.

The same for the operator, which carries moves out in a cluster, and for a simulator.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from fastapi_tuning.api.replica_move import ReplicaMove
from fastapi_tuning.api.resources import ResourceQuantity
from fastapi_tuning.api.status import FastAPITuningStatus, History, Settings
from fastapi_tuning.control import growth, undo
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.guards.verdict import Verdict
from fastapi_tuning.control.knobs import COUNTS_OF_PODS, Knob
from fastapi_tuning.control.observation import Delivery, Observation, Workload
from fastapi_tuning.control.oscillation import CALM, oscillates

_MOST_MOVES = 16
"""As the schema of the status has it."""

SETTINGS_FIELDS: Mapping[Knob, str] = {
    Knob.REPLICAS: "replicas",
    Knob.CEILING: "max_replicas",
    Knob.THREADS: "threads",
    Knob.LIMIT_CONCURRENCY: "limit_concurrency",
    Knob.TIMEOUT_KEEP_ALIVE: "timeout_keep_alive_seconds",
    Knob.LIMIT_MAX_REQUESTS: "limit_max_requests",
    Knob.WORKERS: "workers",
}


def applied_after(applied: Settings, moves: Mapping[Knob, int]) -> Settings:
    """The settings that are ours after the moves."""
    return applied.model_copy(update={SETTINGS_FIELDS[knob]: value for knob, value in moves.items()})


def about_target(status: FastAPITuningStatus, uid: str) -> FastAPITuningStatus:
    """What was written down, if it was about this workload. Of another one under the same name only conditions stay."""
    if status.target_uid in ("", uid):
        return status.model_copy(update={"target_uid": uid})
    return FastAPITuningStatus(
        target_uid=uid, observed_generation=status.observed_generation, conditions=status.conditions
    )


def with_rolled_out(applied: Settings, rolled_out: Settings) -> Settings:
    """Settings that are ours where nothing is live: those in the pod template, and replicas, which are not in it."""
    return rolled_out.model_copy(update={"replicas": applied.replicas, "max_replicas": applied.max_replicas})


def original_after(original: Settings, applied: Settings, workload: Workload, done: Mapping[Knob, int]) -> Settings:
    """What the user had before our first move of replicas; settings of the template are simply given up again, and
    what an autoscaler had is written down with it."""
    if Knob.REPLICAS in done and applied.replicas is None and workload.autoscaler is None:
        return original.model_copy(update={"replicas": workload.desired_replicas})
    return original


def resources_before(
    original: tuple[ResourceQuantity, ...],
    workload: Workload,
    divided: tuple[ResourceQuantity, ...],
    done: Mapping[Knob, int],
) -> tuple[ResourceQuantity, ...]:
    """What the container had before its workers became pods; what was written down first stays."""
    if not divided or Knob.WORKERS not in done or original:
        return original
    return tuple(
        ResourceQuantity(kind=each.kind, resource=each.resource, quantity=each.quantity) for each in workload.resources
    )


def history_after(
    history: History,
    observation: Observation,
    estimate: Estimate | None,
    done: Mapping[Knob, int],
    verdicts: Iterable[Verdict] = (),
) -> History:
    """The history after the moves that were `done` just now; one that the API server refused is not among them.

    Args:
        estimate: what they were decided from; None without traffic.
        verdicts: why; the effect of a move without one is not watched.
    """
    now, workload = observation.time, observation.workload
    history = history.model_copy(update={"replicas_left": done.get(Knob.REPLICAS, workload.asked_replicas)})
    scaling = scaling_of(workload, done)
    settings = done.keys() - set(COUNTS_OF_PODS)
    if scaling is None and not settings:
        return history
    undos = undo.begun(history, verdicts, done, estimate, now)
    history = history.model_copy(update={"settled_since": None, "undos": undos})
    if scaling is not None:
        # Whether fewer or more pods helped cannot be seen where none came or went.
        seen = estimate if scaling[0] == workload.desired_replicas else None
        history = _remember_scaling(history, now, seen, *scaling)
    for knob in settings:
        live = workload.delivery is Delivery.LIVE and knob is not Knob.WORKERS
        history = history.model_copy(update={"last_setting_time" if live else "last_rollout_time": now})
    if Knob.THREADS in done and estimate is not None:
        before = estimate.capacity.threads or done[Knob.THREADS]
        found = growth.begin(history.thread_growth, estimate, before=before, after=done[Knob.THREADS], now=now)
        history = history.model_copy(update={"thread_growth": found})
    if Knob.WORKERS in done:
        history = history.model_copy(update={"pods_for_one_worker": None, "worker_bytes": None})
    return history


def scaling_of(workload: Workload, done: Mapping[Knob, int]) -> tuple[int, int] | None:
    """From how many pods to how many the moves lead; None where they move none.

    A lower minimum of an autoscaler is a step down of its own pace, whether the autoscaler follows it or not.
    """
    floor, ceiling, pods = done.get(Knob.REPLICAS), done.get(Knob.CEILING), workload.desired_replicas
    if workload.autoscaler is None:
        return None if floor is None else (pods, floor)
    if floor is not None and floor > pods:
        return pods, floor
    if ceiling is not None and ceiling < pods:
        return pods, ceiling
    if floor is not None and floor < workload.autoscaler.floor:
        return workload.autoscaler.floor, floor
    return None


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
