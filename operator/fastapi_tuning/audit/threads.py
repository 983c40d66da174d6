"""The thread pool that runs `def` endpoints, and the memory that its threads take. Pure."""

import math

from fastapi_tuning.api.spec import Mode
from fastapi_tuning.audit.facts import Facts, Unread
from fastapi_tuning.audit.finding import Violation
from fastapi_tuning.audit.fix import container_fix, tuning_fix
from fastapi_tuning.audit.seen import UNREAD_AGENT, pods_seen
from fastapi_tuning.control.guards.settings import MEMORY_SHARE, THREAD_BYTES
from fastapi_tuning.control.knobs import Knob, mode_of

ANYIO_THREADS = 40
"""AnyIO's own."""
_MEBIBYTE = 2**20


def pool_exhausted(facts: Facts) -> Violation | Unread | None:
    """Requests of `def` endpoints queue inside the pod while its threads wait for something else."""
    pods = pods_seen(facts)
    if isinstance(pods, Unread):
        return pods
    counted = [pod for pod in pods if pod.threads is not None and pod.threads_waiting is not None]
    if not counted:
        return UNREAD_AGENT
    waiting = [pod for pod in counted if (pod.threads_waiting or 0) >= 1]
    if not waiting:
        return None
    worst = max(waiting, key=lambda pod: pod.threads_waiting or 0)
    return Violation(
        evidence=(
            f"{len(waiting)} of {len(counted)} pods; in {worst.pod} all of {worst.threads} threads are taken and "
            f"{worst.threads_waiting:.0f} requests wait for one"
        ),
        fix=tuning_fix(facts, mode="Auto", threadPool={"mode": "Auto", "max": 200}),
    )


def pool_left_at_default(facts: Facts) -> Violation | None:
    """40 is neither too few nor too many for every app."""
    tuned = facts.tuning is not None and mode_of(facts.tuning.spec, Knob.THREADS) is Mode.AUTO
    if tuned or facts.thread_pool_variable is not None:
        return None
    return Violation(
        evidence=f"nothing sizes the pool, so it has AnyIO's {ANYIO_THREADS} threads",
        fix=tuning_fix(facts, mode="Auto", threadPool={"mode": "Auto"}),
    )


def memory_nearly_full(facts: Facts) -> Violation | Unread | None:
    """The next thread, or the next large request, may be the one that the kernel ends the container for."""
    used, limit = _used_bytes(facts), facts.resources.memory_limit_bytes
    if limit is None:
        return None
    if isinstance(used, Unread):
        return used
    if used <= MEMORY_SHARE * limit:
        return None
    return Violation(
        evidence=f"{used / _MEBIBYTE:.0f} of {limit / _MEBIBYTE:.0f} MiB used in the fullest pod",
        fix=_more_memory(facts, used / MEMORY_SHARE + ANYIO_THREADS * THREAD_BYTES),
    )


def memory_caps_threads(facts: Facts) -> Violation | Unread | None:
    """The operator leaves a fifth of the memory free, and so stops before the bound that the spec gives."""
    limit = facts.resources.memory_limit_bytes
    if limit is None or facts.tuning is None or mode_of(facts.tuning.spec, Knob.THREADS) is Mode.OFF:
        return None
    used = _used_bytes(facts)
    if isinstance(used, Unread):
        return used
    threads, most = threads_of(facts), facts.tuning.spec.thread_pool.max
    room = threads + max(0, math.floor((MEMORY_SHARE * limit - used) / THREAD_BYTES))
    if room >= most:
        return None
    return Violation(
        evidence=(
            f"{used / _MEBIBYTE:.0f} of {limit / _MEBIBYTE:.0f} MiB used with {threads} threads leave room for "
            f"{room}, at {THREAD_BYTES / _MEBIBYTE:.0f} MiB each; threadPool.max is {most}"
        ),
        fix=_more_memory(facts, (used + (most - threads) * THREAD_BYTES) / MEMORY_SHARE),
    )


def _used_bytes(facts: Facts) -> float | Unread:
    pods = pods_seen(facts)
    if isinstance(pods, Unread):
        return pods
    used = max((pod.resident_bytes for pod in pods if pod.resident_bytes is not None), default=None)
    return UNREAD_AGENT if used is None else used


def threads_of(facts: Facts) -> int:
    """In the pod that has most; what the pod template says, or AnyIO's, where no agent counts."""
    pods = pods_seen(facts)
    counted = [] if isinstance(pods, Unread) else [pod.threads for pod in pods if pod.threads is not None]
    variable = facts.thread_pool_variable or ""
    return max(counted, default=int(variable) if variable.isascii() and variable.isdigit() else ANYIO_THREADS)


def _more_memory(facts: Facts, needed_bytes: float) -> str:
    amount = f"{math.ceil(needed_bytes / (64 * _MEBIBYTE)) * 64}Mi"
    return container_fix(facts, resources={"requests": {"memory": amount}, "limits": {"memory": amount}})
