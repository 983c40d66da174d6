"""ThreadPool: would the objective hold if there were threads without end?"""

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control.diagnosis.case import Case, Suspicion, milliseconds

_TOO_SLOW_ANYWAY = 0.6
"""Discount where a request that never waits for a thread takes longer than the objective allows."""


def thread_pool(case: Case) -> Suspicion | None:
    """Requests wait for threads, or more is offered than the pool safely carries and the CPU carries more."""
    found = case.found
    threads = found.capacity.threads
    if threads is None:
        return None
    confidence = max(_queueing(case), _refusing(case), _loaded(case))
    if confidence == 0:
        return None
    seconds = case.request_seconds
    if seconds > case.threshold_seconds:
        confidence *= _TOO_SLOW_ANYWAY
    busy = "?" if found.busy_threads is None else f"{found.busy_threads:.0f}"
    waiting = "" if found.waiting is None else f", {found.waiting:.0f} requests wait for one"
    share = "" if case.load_share is None else f", {case.load_share:.0%} of the safe load"
    return Suspicion(
        factor=LimitingFactor.THREAD_POOL,
        confidence=confidence,
        evidence=f"{busy} of {threads} threads busy{waiting}, {milliseconds(seconds)} in a thread{share}",
    )


def _queueing(case: Case) -> float:
    if not case.found.queues:
        return 0.0
    return 0.9 if case.is_late or case.found.shedding else 0.7


def _refusing(case: Case) -> float:
    """A limit keeps the queue short."""
    return 0.8 if case.found.shedding and case.found.pool_is_full else 0.0


def _loaded(case: Case) -> float:
    binds = case.found.capacity.binding is LimitingFactor.THREAD_POOL
    if not binds or not case.is_fully_loaded:
        return 0.0
    return 0.7 if case.in_danger else 0.5
