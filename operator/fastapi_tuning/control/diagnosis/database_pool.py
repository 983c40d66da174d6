"""DatabasePool: would the objective hold if there were connections without end?"""

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control.diagnosis.case import Case, Suspicion, milliseconds, rise
from fastapi_tuning.control.observation import DatabasePool

_FULL = 0.8
_NOT_FULL = 0.6
_IN_VAIN = 0.6
"""Discounts: connections that are left over, and pods (which bring their own connections) that brought nothing."""


def database_pool(case: Case) -> Suspicion | None:
    """Requests wait for a connection. A database that is slow fills pools too: that one explains this."""
    if case.dependencies is None:
        return None
    found = [(_confidence(pool, case), _told(pool, case)) for pool in case.dependencies.pools]
    confidence, evidence = max(found, default=(0.0, ""))
    if confidence == 0:
        return None
    return Suspicion(factor=LimitingFactor.DATABASE_POOL, confidence=confidence, evidence=evidence)


def _confidence(pool: DatabasePool, case: Case) -> float:
    size = max(1.0, pool.size)
    waits = rise(wait_seconds(pool, case) / case.threshold_seconds, 0.02, 0.2)
    if case.is_slow_or_full:
        # A wait is counted when it is over; without this a queue may be a burst that nobody noticed.
        waits = max(waits, rise(pool.waiting / size, 0.05, 0.4))
    confidence = waits * (0.95 if case.is_slow_or_full else 0.55)
    if pool.checked_out < _FULL * size:
        confidence *= _NOT_FULL
    if case.pods_were_in_vain:
        confidence *= _IN_VAIN
    return confidence


def wait_seconds(pool: DatabasePool, case: Case) -> float:
    """Of a request."""
    return pool.wait_seconds_per_second / case.traffic.requests_per_second


def _told(pool: DatabasePool, case: Case) -> str:
    return (
        f"{pool.checked_out:.0f} of {pool.size:.0f} connections to {pool.peer} in use, {pool.waiting:.0f} requests "
        f"wait for one, {milliseconds(wait_seconds(pool, case))} each on average"
    )
