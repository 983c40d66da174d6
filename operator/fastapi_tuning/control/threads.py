"""How many threads: Little's law on the uncontended service time, at the load that CPU lets a pod carry."""

import math
from dataclasses import replace

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.control.capacity import PodCapacity, threads_for
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.headroom import fullest_share, was_killed
from fastapi_tuning.control.knobs import Knob, Proposal, within
from fastapi_tuning.control.observation import Observation, Traffic, Workload
from fastapi_tuning.control.replicas import feed_forward, trimmed

_CPU_SHARE_OF_SERVICE = 0.7
"""A request that computes for more than this share of its time gains nothing from more threads."""
_PROBE_GROWTH = 1.25
_SHORT_OF_MEMORY, _RELIEF = 0.9, 0.75
_SPARE = 1.15
"""Threads are free and pods are not: a pool that is too small grows a little further, so that noise in what a request
takes does not make it the limit again, which changes below 15 % would not mend."""


def propose_threads(
    estimate: Estimate, workload: Workload, spec: FastAPITuningSpec, trim: float, *, on_trial: bool
) -> Proposal | None:
    """T = ⌈a + 2 √a⌉ with a = rate × service time; None where service time or pool size is unknown.

    The rate is what CPU lets a pod carry, not what it carries now: a pool that shrank at night would fail at a spike.
    It shrinks only where requests compute, since more threads then only add waiting for the interpreter.

    Args:
        on_trial: whether a step up still awaits its judgement; there is no second probe meanwhile.
    """
    capacity = estimate.capacity
    if capacity.service_seconds is None or capacity.threads is None:
        return None
    if computes(capacity):
        return _proposal(estimate, spec, trim, spec.thread_pool.min, "requests compute rather than wait")
    fewest = workload.desired_replicas if spec.replicas.mode is Mode.OFF else spec.replicas.min
    rate = capacity.cpu_safe_per_second or estimate.imbalance(fewest) * estimate.expected_per_second / fewest
    busy = rate * capacity.service_seconds
    wanted = capacity.threads if capacity.threads >= threads_for(busy) else roomy_pool(busy)
    # What is downstream may have grown slower without being full; only trying tells.
    if wanted == capacity.threads and not on_trial and estimate.queues and estimate.is_slow:
        return _probe(estimate, spec)
    note = f"{busy:.1f} threads busy at {rate:.1f} requests/s × {capacity.service_seconds * 1000:.0f} ms a pod"
    return _proposal(estimate, spec, trim, wanted, note)


def relieved(proposal: Proposal, estimate: Estimate, observation: Observation, spec: FastAPITuningSpec) -> Proposal:
    """A quarter fewer where memory is short: who waits for a thread holds no working set.

    Never fewer than the load needs while nobody is in its way; a leak is not mended by throttling the service. Where
    the size that is needed is not known, the proposal stays.
    """
    workload, signals, current = observation.workload, observation.signals, proposal.current
    seconds = estimate.capacity.service_seconds
    if not isinstance(signals, Traffic) or current is None or seconds is None:
        return proposal
    share, killed = fullest_share(signals, workload) or 0.0, was_killed(workload, observation.time)
    if share < _SHORT_OF_MEMORY and not killed:
        return proposal
    needed = threads_for(estimate.offered_per_second / max(1, workload.ready_replicas) * seconds)
    fewer = within(spec, Knob.THREADS, max(needed, math.floor(_RELIEF * current)))
    if fewer >= min(current, proposal.wanted):
        return proposal
    told = "a container was killed for its memory" if killed else f"{share:.0%} of the memory limit used"
    message = f"{told}, {needed} threads carry the load"
    return replace(proposal, wanted=fewer, reason=Reason.MEMORY_SHORT, message=message)


def computes(capacity: PodCapacity) -> bool:
    """Whether a request computes rather than waits, so that more threads only wait for the interpreter."""
    service, cpu = capacity.service_seconds, capacity.cpu_seconds_per_request
    return cpu is not None and service is not None and cpu / service > _CPU_SHARE_OF_SERVICE


def roomy_pool(busy: float) -> int:
    """Threads for a mean of `busy` in use, with some to spare."""
    return math.ceil(_SPARE * threads_for(busy))


def _probe(estimate: Estimate, spec: FastAPITuningSpec) -> Proposal:
    current = estimate.capacity.threads or 0
    return Proposal(
        knob=Knob.THREADS,
        current=current,
        wanted=within(spec, Knob.THREADS, math.ceil(_PROBE_GROWTH * current)),
        reason=Reason.THREAD_PROBE,
        message=f"{estimate.waiting:.0f} requests wait, service takes {estimate.slowdown:.1f} × as long as alone",
    )


def _proposal(estimate: Estimate, spec: FastAPITuningSpec, trim: float, threads: int, message: str) -> Proposal:
    current = estimate.capacity.threads
    wanted = within(spec, Knob.THREADS, threads)
    return Proposal(
        knob=Knob.THREADS,
        current=current,
        wanted=wanted,
        reason=Reason.ALREADY_OPTIMAL if wanted == current else Reason.THREADS_BIND,
        message=message,
        saves_pods=_pods_saved(estimate, spec, wanted, trim),
    )


def _pods_saved(estimate: Estimate, spec: FastAPITuningSpec, threads: int, trim: float) -> int:
    if spec.replicas.mode is Mode.OFF:
        return 0
    with_pool = feed_forward(estimate.with_threads(threads)) or spec.replicas.min
    now = feed_forward(estimate) or spec.replicas.min
    return within(spec, Knob.REPLICAS, trimmed(now, trim)) - within(spec, Knob.REPLICAS, trimmed(with_pool, trim))
