"""Estimate → Proposals: where each knob should be. Bounds, pace and permission are the guards' business.

Order of moves: threads are free, replicas cost money, limits only protect. Replicas follow the offered load (feed
forward) divided by what a pod safely carries, trimmed by a slow feedback; threads follow Little's law.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, LimitConcurrency, Mode, Replicas, ThreadPool
from fastapi_tuning.api.status import Settings
from fastapi_tuning.control.estimate import (
    Estimate,
    Verdict,
    thread_utilisation,
    threads_for,
)
from fastapi_tuning.control.observation import Workload

_LARGEST_FEEDBACK_STEP = 0.25
_FEEDBACK_GAIN = 0.1
_FEEDBACK_BOUNDS = (-0.2, 1.0)
_QUIET_RATIO = 0.25
"""Below this share of the allowed bad requests the feedback relaxes."""
_FEEDBACK_DECAY_PER_SECOND = 0.02 / 300
_CPU_SHARE_OF_SERVICE = 0.7
"""A request that computes for more than this share of its time gains nothing from more threads."""
_ADMISSION_MARGIN = 0.9
_CONNECTIONS_PER_REQUEST = 2
"""uvicorn counts idle keep-alive connections too: its limit is an outer net, twice what is admitted."""


class Knob(StrEnum):
    """What can be moved, in the order of what a move costs."""

    THREADS = "threadPool"
    REPLICAS = "replicas"
    LIMIT_CONCURRENCY = "limitConcurrency"
    TIMEOUT_KEEP_ALIVE = "timeoutKeepAlive"
    LIMIT_MAX_REQUESTS = "limitMaxRequests"
    WORKERS = "workers"


VARIABLES: Mapping[Knob, str] = {
    Knob.THREADS: "FASTAPI_TUNING_THREAD_POOL_SIZE",
    Knob.LIMIT_CONCURRENCY: "UVICORN_LIMIT_CONCURRENCY",
    Knob.TIMEOUT_KEEP_ALIVE: "UVICORN_TIMEOUT_KEEP_ALIVE",
    Knob.LIMIT_MAX_REQUESTS: "UVICORN_LIMIT_MAX_REQUESTS",
}
"""The environment variable that carries a setting into the pod."""
WORKER_VARIABLES = ("UVICORN_WORKERS", "WEB_CONCURRENCY")
"""Both are set to 1: which one a launcher reads differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One knob, where it is (None: not known) and where it should be."""

    knob: Knob
    current: int | None
    wanted: int
    reason: Reason
    message: str
    saves_pods: int = 0
    """Pods that the move makes superfluous; a restart must be worth it."""


def feedback(
    previous: float, estimate: Estimate, spec: FastAPITuningSpec, *, ready: int, elapsed_seconds: float
) -> float:
    """The trim u on the feed-forward replicas, in [-0.2, 1].

    Rises when the objective is missed though the feed-forward holds the ready pods to be enough (else it explains the
    miss itself, and the trim must not wind up); falls slowly when the objective holds with ease.
    """
    allowed = 1 - spec.objectives.latency.target_ratio
    low, high = _FEEDBACK_BOUNDS
    if estimate.verdict is Verdict.MISSED and (feed_forward_replicas(estimate) or 0) <= ready:
        excess = max(estimate.bad_ratio / allowed, 1.0)
        return min(high, previous + min(_LARGEST_FEEDBACK_STEP, max(0.05, _FEEDBACK_GAIN * math.log(excess))))
    if estimate.verdict is Verdict.MET and estimate.bad_ratio < _QUIET_RATIO * allowed:
        return max(low, previous - _FEEDBACK_DECAY_PER_SECOND * elapsed_seconds)
    return previous


def feed_forward_replicas(estimate: Estimate) -> int | None:
    """Pods that carry the offered load, the busiest of them included; None while a pod's capacity is unknown."""
    safe = estimate.capacity.safe_per_second
    if safe is None:
        return None
    return max(1, math.ceil(estimate.imbalance * estimate.offered_per_second / safe))


def propose_idle_replicas(spec: FastAPITuningSpec, workload: Workload) -> Proposal:
    """No traffic: the least that the spec allows."""
    return Proposal(
        knob=Knob.REPLICAS,
        current=workload.desired_replicas,
        wanted=spec.replicas.min,
        reason=Reason.DEMAND_FELL if workload.desired_replicas > spec.replicas.min else Reason.ALREADY_OPTIMAL,
        message="no requests",
    )


def propose_replicas(estimate: Estimate, workload: Workload, trim: float) -> Proposal:
    """Feed-forward plus trim; without a known capacity only an objective missed moves anything, and only up."""
    current = workload.desired_replicas
    needed = feed_forward_replicas(estimate)
    if needed is None:
        return _replicas_without_capacity(estimate, current)
    wanted = max(1, _trimmed(needed, trim))
    safe = estimate.capacity.safe_per_second or 0.0
    message = (
        f"{estimate.offered_per_second:.1f} requests/s offered, a pod carries {safe:.1f} "
        f"({estimate.capacity.binding}), busiest pod {estimate.imbalance:.2f} × mean, trim {trim:+.2f}"
    )
    if wanted > current:
        reason = Reason.OBJECTIVE_MISSED if estimate.verdict is Verdict.MISSED else Reason.DEMAND_ROSE
    else:
        reason = Reason.DEMAND_FELL if wanted < current else Reason.ALREADY_OPTIMAL
    return Proposal(knob=Knob.REPLICAS, current=current, wanted=wanted, reason=reason, message=message)


def _replicas_without_capacity(estimate: Estimate, current: int) -> Proposal:
    if estimate.verdict is Verdict.MISSED:
        return Proposal(
            knob=Knob.REPLICAS,
            current=current,
            wanted=current + max(1, current // 4),
            reason=Reason.OBJECTIVE_MISSED,
            message=f"{estimate.bad_ratio:.1%} of requests late; a pod's capacity is not known yet",
        )
    return Proposal(
        knob=Knob.REPLICAS,
        current=current,
        wanted=current,
        reason=Reason.CAPACITY_UNKNOWN,
        message="neither CPU nor thread pool of the pods is exported",
    )


def propose_threads(estimate: Estimate, spec: FastAPITuningSpec, trim: float) -> Proposal | None:
    """Little's law at the fewest pods that CPU allows; None where service time or pool size is unknown.

    The pool never shrinks because load is low: idle threads are free, and a spike would find it too small. It shrinks
    only where requests compute, since more threads then only add event-loop lag.
    """
    capacity = estimate.capacity
    if capacity.service_seconds is None or capacity.threads is None:
        return None
    computing = (capacity.cpu_seconds_per_request or 0.0) / capacity.service_seconds > _CPU_SHARE_OF_SERVICE
    pods = _fewest_pods(estimate, spec)
    busy = estimate.imbalance * estimate.offered_per_second / pods * capacity.service_seconds
    little = spec.thread_pool.min if computing else threads_for(busy)
    wanted = _within(little, spec.thread_pool)
    if not computing:
        wanted = max(wanted, min(capacity.threads, spec.thread_pool.max))
    return Proposal(
        knob=Knob.THREADS,
        current=capacity.threads,
        wanted=wanted,
        reason=Reason.ALREADY_OPTIMAL if wanted == capacity.threads else Reason.THREADS_BIND,
        message=(
            f"{busy:.1f} threads busy in the busiest of {pods} pods "
            f"({estimate.offered_per_second:.1f} requests/s × {capacity.service_seconds * 1000:.0f} ms)"
            + (", requests compute rather than wait" if computing else "")
        ),
        saves_pods=_pods_saved(estimate, spec, wanted, trim),
    )


def _fewest_pods(estimate: Estimate, spec: FastAPITuningSpec) -> int:
    """Pods that CPU alone asks for, within the bounds of the spec."""
    cpu = estimate.capacity.cpu_safe_per_second
    by_cpu = 1 if cpu is None else math.ceil(estimate.imbalance * estimate.offered_per_second / cpu)
    return _within(by_cpu, spec.replicas)


def _pods_saved(estimate: Estimate, spec: FastAPITuningSpec, threads: int, trim: float) -> int:
    capacity = estimate.capacity
    if capacity.service_seconds is None or spec.replicas.mode is Mode.OFF:
        return 0
    safe = [thread_utilisation(threads) * threads / capacity.service_seconds]
    if capacity.cpu_safe_per_second is not None:
        safe.append(capacity.cpu_safe_per_second)
    now = feed_forward_replicas(estimate) or spec.replicas.min
    then = math.ceil(estimate.imbalance * estimate.offered_per_second / min(safe))
    return _within(_trimmed(now, trim), spec.replicas) - _within(_trimmed(then, trim), spec.replicas)


def _trimmed(pods: int, trim: float) -> int:
    """Pods with the feedback on top; the tiny subtrahend keeps rounding noise from costing a pod."""
    return math.ceil(pods * (1 + trim) - 1e-9)


def _within(value: int, bounds: Replicas | ThreadPool | LimitConcurrency) -> int:
    return max(bounds.min, min(bounds.max, value))


def propose_limit_concurrency(estimate: Estimate, spec: FastAPITuningSpec, current: int | None) -> Proposal | None:
    """L = T + floor(0.9 X (objective - service time)): whoever is admitted makes the objective. None while unknown.

    Doubled, because uvicorn counts connections, idle ones included.
    """
    capacity = estimate.capacity
    saturated = capacity.saturated_per_second
    if saturated is None or capacity.service_seconds is None:
        return None
    slack = max(0.0, spec.objectives.latency.threshold_seconds - capacity.service_seconds)
    admitted = (capacity.threads or 1) + math.floor(_ADMISSION_MARGIN * saturated * slack)
    return Proposal(
        knob=Knob.LIMIT_CONCURRENCY,
        current=current,
        wanted=_within(_CONNECTIONS_PER_REQUEST * admitted, spec.uvicorn.limit_concurrency),
        reason=Reason.LIMIT_FROM_OBJECTIVE,
        message=f"{admitted} requests in flight still make the objective; connections are twice that",
    )


def propose_fixed(spec: FastAPITuningSpec, applied: Settings) -> tuple[Proposal, ...]:
    """Settings whose value the spec itself gives."""
    uvicorn = spec.uvicorn
    asked = (
        (
            Knob.TIMEOUT_KEEP_ALIVE,
            uvicorn.timeout_keep_alive.mode,
            applied.timeout_keep_alive_seconds,
            uvicorn.timeout_keep_alive.seconds,
        ),
        (
            Knob.LIMIT_MAX_REQUESTS,
            uvicorn.limit_max_requests.mode,
            applied.limit_max_requests,
            uvicorn.limit_max_requests.requests,
        ),
    )
    return tuple(
        Proposal(knob=knob, current=current, wanted=wanted, reason=Reason.REQUESTED_BY_SPEC, message="as the spec says")
        for knob, mode, current, wanted in asked
        if mode is not Mode.OFF
    )
