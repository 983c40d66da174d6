"""Limits that protect a pod: how much it admits, how long it keeps idle connections, when it recycles itself."""

import math
from enum import StrEnum

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.api.status import LimitingFactor, Settings
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.knobs import Knob, Proposal, bounds_of, mode_of, within
from fastapi_tuning.control.observation import Delivery, PodTraffic, Traffic, Workload

_ADMISSION_MARGIN = 0.8
"""The rest is for what a request waits outside the app, where nobody counts it: network, accept queue, event loop. On a
cluster 0.9 put the p99 that clients saw 4 % above the objective."""
_LONGEST_QUEUE = 100_000
_ROUNDING = 1e-9
_HEADROOM = 2
_DEFAULT_KEEP_ALIVE_SECONDS = 5
"""uvicorn's own."""
_LEAST_REUSE = 3.0
"""Requests per connection below which a third or more of the requests pay for a new connection."""
_GREATEST_IDLE_SHARE = 0.5
_MANY_CONNECTIONS = 200
"""Idle connections of a pod that are worth closing where no limit says what is too many."""


class Protection(StrEnum):
    """What the limit counts, and whether it is there to refuse or as a net."""

    CONNECTIONS = "connections"
    """uvicorn's own limit: idle keep-alive connections count too."""
    NET = "net"
    """The agent's: requests in flight; far enough out that a healthy pod never meets it."""
    EXACT = "exact"
    """The agent's, while only refusing helps: who is admitted makes the objective."""


def protection_of(workload: Workload, *, only_refusing_helps: bool) -> Protection:
    """By who applies the limit, and whether more pods or threads could help instead."""
    if workload.delivery is Delivery.ROLLOUT:
        return Protection.CONNECTIONS
    return Protection.EXACT if only_refusing_helps else Protection.NET


def may_grow(estimate: Estimate, workload: Workload, spec: FastAPITuningSpec) -> bool:
    """Whether there may be more pods or, where threads bind, more threads."""
    pods = mode_of(spec, Knob.REPLICAS) is Mode.AUTO and workload.desired_replicas < spec.replicas.max
    pool = estimate.capacity.threads
    threads = mode_of(spec, Knob.THREADS) is Mode.AUTO and pool is not None and pool < spec.thread_pool.max
    return pods or (threads and estimate.capacity.binding is LimitingFactor.THREAD_POOL)


def admitted(estimate: Estimate, spec: FastAPITuningSpec) -> int | None:
    """Requests in flight of a pod that still make the objective: L = ⌈X S⌉ + ⌊0.8 X (objective - S99)⌋.

    X S requests are served at a time (all T threads where threads bind, about one where CPU does), and the last one
    admitted waits for the others, which leave at the rate X. Under overload X is what the busiest pod really serves: a
    database may give less than threads and CPU could take; not where all threads are in use, since much of the window
    may be from before the overload. None while the capacity of a pod is unknown; no queue where
    service takes as long as the objective allows.
    """
    capacity = estimate.capacity
    rate, service = capacity.saturated_per_second, capacity.service_seconds
    if rate is None or service is None:
        return None
    if estimate.overloaded and not estimate.threads_bind:
        rate = min(rate, estimate.busiest_per_second)
    slack = max(0.0, spec.objectives.latency.threshold_seconds - (capacity.service_tail_seconds or service))
    queue = min(_LONGEST_QUEUE, _ADMISSION_MARGIN * rate * slack)
    return max(1, math.ceil(min(_LONGEST_QUEUE, rate * service) - _ROUNDING)) + math.floor(queue)


def propose_limit_concurrency(
    estimate: Estimate, traffic: Traffic, spec: FastAPITuningSpec, current: int | None, protection: Protection
) -> Proposal | None:
    """Twice what is admitted, so that the ups and downs of a healthy pod are not refused: errors cost ten times what
    lateness does. What is admitted itself, where only refusing helps. None while it is unknown."""
    most = admitted(estimate, spec)
    if most is None:
        return None
    if protection is Protection.CONNECTIONS:
        idle = max((count for pod in traffic.pods if (count := _idle(pod)) is not None), default=0.0)
        wanted = max(_HEADROOM * most, most + _HEADROOM * math.ceil(idle) + 1)
        note = f"idle connections count too ({idle:.0f} now)"
    else:
        wanted = most if protection is Protection.EXACT else _HEADROOM * most
        note = "more pods do not help" if protection is Protection.EXACT else "twice that before any is refused"
    return Proposal(
        knob=Knob.LIMIT_CONCURRENCY,
        current=current,
        wanted=within(spec, Knob.LIMIT_CONCURRENCY, wanted),
        reason=Reason.LIMIT_FROM_OBJECTIVE,
        message=f"{most} requests in flight still make the objective; {note}",
    )


def propose_keep_alive(traffic: Traffic, spec: FastAPITuningSpec, applied: Settings) -> Proposal | None:
    """Twice as long while connections are hardly reused, half while many of them idle; None where nobody counts them.

    Connections that idle count against uvicorn's limit, so they go first.
    """
    pods = [pod for pod in traffic.pods if pod.open_connections and pod.requests_in_flight is not None]
    least, greatest = bounds_of(spec, Knob.TIMEOUT_KEEP_ALIVE)
    current = applied.timeout_keep_alive_seconds
    if least == greatest:
        return _asked_for(Knob.TIMEOUT_KEEP_ALIVE, current, least)
    if not pods:
        return None
    seconds = current or _DEFAULT_KEEP_ALIVE_SECONDS
    idle = sum(_idle(pod) or 0.0 for pod in pods) / len(pods)
    many = _GREATEST_IDLE_SHARE * (applied.limit_concurrency or _MANY_CONNECTIONS / _GREATEST_IDLE_SHARE)
    reuse = _reuse(pods)
    if idle > many:
        wanted = seconds // 2
    elif reuse is not None and reuse < _LEAST_REUSE:
        wanted = seconds * 2
    else:
        wanted = seconds
    return Proposal(
        knob=Knob.TIMEOUT_KEEP_ALIVE,
        current=seconds,
        wanted=within(spec, Knob.TIMEOUT_KEEP_ALIVE, wanted),
        reason=Reason.ALREADY_OPTIMAL if wanted == seconds else Reason.KEEP_ALIVE_FROM_REUSE,
        message=f"{idle:.0f} idle connections a pod, reused {'?' if reuse is None else f'{reuse:.1f}'} ×",
    )


def propose_max_requests(spec: FastAPITuningSpec, applied: Settings) -> Proposal:
    """What the spec itself gives."""
    return _asked_for(Knob.LIMIT_MAX_REQUESTS, applied.limit_max_requests, spec.uvicorn.limit_max_requests.requests)


def propose_limits(
    estimate: Estimate, traffic: Traffic, spec: FastAPITuningSpec, applied: Settings, protection: Protection
) -> tuple[Proposal, ...]:
    """Proposals for the limits that are not off; a concurrency limit is worked out even then, for people to see."""
    proposals = (
        propose_limit_concurrency(estimate, traffic, spec, applied.limit_concurrency, protection),
        propose_keep_alive(traffic, spec, applied),
        propose_max_requests(spec, applied),
    )
    return tuple(
        each
        for each in proposals
        if each is not None and (each.knob is Knob.LIMIT_CONCURRENCY or mode_of(spec, each.knob) is not Mode.OFF)
    )


def _asked_for(knob: Knob, current: int | None, wanted: int) -> Proposal:
    return Proposal(
        knob=knob, current=current, wanted=wanted, reason=Reason.REQUESTED_BY_SPEC, message="as the spec says"
    )


def _idle(pod: PodTraffic) -> float | None:
    if pod.open_connections is None or pod.requests_in_flight is None:
        return None
    return max(0.0, pod.open_connections - pod.requests_in_flight)


def _reuse(pods: list[PodTraffic]) -> float | None:
    """Requests per connection."""
    opened = [pod.connections_opened_per_second for pod in pods if pod.connections_opened_per_second is not None]
    if not opened or sum(opened) <= 0:
        return None
    return sum(pod.served_per_second for pod in pods if pod.connections_opened_per_second is not None) / sum(opened)
