"""Is a setting worth its move? A live one is free, so it must only not flutter; a rollout replaces every pod."""

import math
from datetime import timedelta

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Mode
from fastapi_tuning.control.burn import may_explore
from fastapi_tuning.control.conflicts import replicas_are_ours
from fastapi_tuning.control.dependencies import pool_of_a_pod
from fastapi_tuning.control.guards.verdict import Clamp, Context, Hold, since
from fastapi_tuning.control.knobs import Knob, Proposal, bounds_of, mode_of
from fastapi_tuning.control.observation import DatabasePool, Traffic

_BUSY_CPU = 0.85
_CONTENDED_SHARE = 0.2
"""Share of the pool that waits inside the thread: q = T (1 - S0 / S), as in TCP Vegas and Netflix's limiter."""
MEMORY_SHARE = 0.8
THREAD_BYTES = 8 * 2**20
"""What a thread may come to need: its stack and the working set of a request."""
_LARGEST_GROWTH = 1.5
_HYSTERESIS = 0.15
_NOTICEABLE_WAIT, _NOTICEABLE_QUEUE = 0.02, 0.05
"""Share of the objective; share of the pool of connections, since one or two wait for a moment in every burst."""


def nothing_proven(proposal: Proposal, context: Context) -> Hold | None:
    """A pool shrinks only after the pods were seen to hold the objective: until then the user keeps what he had."""
    found = context.estimate
    if proposal.knob is not Knob.THREADS or not proposal.is_down or found is None:
        return None
    if found.capacity.proven_per_second is not None:
        return None
    return Hold(reason=Reason.NOTHING_PROVEN, message="no window yet in which these pods held the objective")


def cpu_busy(proposal: Proposal, context: Context) -> Hold | None:
    found = context.estimate
    busy = None if found is None else found.cpu_utilisation
    if busy is None or busy <= _BUSY_CPU or not _is_growth_of_pool(proposal):
        return None
    return Hold(reason=Reason.CPU_BUSY, message=f"pods use {busy:.0%} of their core")


def contended(proposal: Proposal, context: Context) -> Hold | None:
    """A probe may pass: only trying tells a slow dependency from a full one."""
    found = context.estimate
    slowdown = None if found is None else found.slowdown
    if slowdown is None or not _is_growth_of_pool(proposal) or proposal.reason is Reason.THREAD_PROBE:
        return None
    if 1 - 1 / slowdown < _CONTENDED_SHARE:
        return None
    return Hold(reason=Reason.CONTENDED, message=f"service takes {slowdown:.1f} × as long as alone")


def database_pool(proposal: Proposal, context: Context) -> Clamp | Hold | None:
    """No more threads than connections where requests wait for those: the wait would only move into the threads.

    A pool of threads that is larger already stays: requests that need no connection use it, too.
    """
    signals, current = context.observation.signals, proposal.current
    if not isinstance(signals, Traffic) or current is None or not _is_growth_of_pool(proposal):
        return None
    pool = pool_of_a_pod(context.observation.dependencies, signals)
    if pool is None or not _is_held(pool, signals, context):
        return None
    room = math.floor(pool.size)
    if proposal.wanted <= room:
        return None
    message = f"{pool.size:.0f} connections a pod to {pool.peer}, {pool.waiting:.1f} requests wait for one"
    if room <= current:
        return Hold(reason=Reason.DATABASE_POOL_SHORT, message=message)
    return Clamp(value=room, reason=Reason.DATABASE_POOL_SHORT, message=message)


def _is_held(pool: DatabasePool, signals: Traffic, context: Context) -> bool:
    """Whether requests wait for a connection: many of them, or for a noticeable share of what they may take."""
    served = signals.requests_per_second / max(1, signals.scraped_pods)
    noticeable = _NOTICEABLE_WAIT * context.spec.objectives.latency.threshold_seconds
    return pool.waiting > _NOTICEABLE_QUEUE * pool.size or pool.wait_seconds_per_second > noticeable * served


def memory(proposal: Proposal, context: Context) -> Clamp | Hold | None:
    """Each thread more may cost 8 MiB, and a fifth of the limit stays free."""
    signals, limit = context.observation.signals, context.observation.workload.memory_limit_bytes
    current = proposal.current
    if limit is None or current is None or not isinstance(signals, Traffic) or not _is_growth_of_pool(proposal):
        return None
    used = max((pod.resident_bytes for pod in signals.pods if pod.resident_bytes is not None), default=None)
    if used is None:
        return None
    room = current + math.floor((MEMORY_SHARE * limit - used) / THREAD_BYTES)
    if proposal.wanted <= room:
        return None
    message = f"{used / 2**20:.0f} of {limit / 2**20:.0f} MiB used"
    if room <= current:
        return Hold(reason=Reason.MEMORY_SHORT, message=message)
    return Clamp(value=room, reason=Reason.MEMORY_SHORT, message=message)


def pool_step(proposal: Proposal, context: Context) -> Clamp | None:
    """At most half as many threads again a step; no limit on the way to the bounds."""
    if proposal.current is None or not _is_growth_of_pool(proposal):
        return None
    least, _ = bounds_of(context.spec, Knob.THREADS)
    reached = max(least, math.ceil(_LARGEST_GROWTH * proposal.current))
    if proposal.wanted <= reached:
        return None
    return Clamp(value=reached, reason=Reason.STEP_LIMITED, message="half as many again a step")


def too_small(proposal: Proposal, context: Context) -> Hold | None:
    """Less than 15 % is noise, unless the present value breaks a bound."""
    current = proposal.current
    if current is None or proposal.wanted == current:
        return None
    least, greatest = bounds_of(context.spec, proposal.knob)
    if abs(proposal.wanted - current) >= _HYSTERESIS * current or not least <= current <= greatest:
        return None
    return Hold(reason=Reason.CHANGE_TOO_SMALL, message=f"{proposal.wanted} is close to {current}")


def restart_worth_it(proposal: Proposal, context: Context) -> Hold | None:
    """A rollout must save a pod, mend an objective that replicas cannot mend, protect a service at risk, or be asked
    for by name; a setting of no such merit goes with one that has it."""
    asked_for = proposal.reason in (Reason.REQUESTED_BY_SPEC, Reason.WORKERS_TO_PODS)
    if proposal.wanted == proposal.current or proposal.saves_pods >= 1 or asked_for or context.rides:
        return None
    if _protects(proposal, context) or (context.objective_missed and not _replicas_can_help(context)):
        return None
    return Hold(reason=Reason.GAIN_TOO_SMALL, message="would save no pod")


def error_budget(proposal: Proposal, context: Context) -> Hold | None:
    """No restart while users suffer, unless replicas cannot help."""
    if proposal.wanted == proposal.current or not context.objective_missed or not _replicas_can_help(context):
        return None
    return Hold(reason=Reason.ERROR_BUDGET_BURNING, message="objective missed: replicas first, restart later")


def rollout_rate(proposal: Proposal, context: Context) -> Hold | None:
    interval = timedelta(seconds=context.spec.apply.min_rollout_interval_seconds)
    waited = since(context.history.last_rollout_time, context.now)
    if proposal.wanted == proposal.current or waited >= interval:
        return None
    remaining = (interval - waited).total_seconds()
    return Hold(reason=Reason.ROLLOUT_RATE_LIMITED, message=f"next restart in {remaining:.0f} s at the earliest")


def _is_growth_of_pool(proposal: Proposal) -> bool:
    return proposal.knob is Knob.THREADS and proposal.is_up


def _protects(proposal: Proposal, context: Context) -> bool:
    """A first concurrency limit, for a service whose budget burnt too fast in the last hour."""
    found = context.estimate
    first = proposal.knob is Knob.LIMIT_CONCURRENCY and proposal.current is None
    return first and found is not None and not may_explore(found.budget, context.spec.objectives)


def _replicas_can_help(context: Context) -> bool:
    workload, greatest = context.observation.workload, context.spec.replicas.max
    ours = mode_of(context.spec, Knob.REPLICAS) is Mode.AUTO and replicas_are_ours(context.owners)
    return ours and workload.desired_replicas < greatest
