"""Memory: is a container near its limit, or was one killed at it?"""

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control.diagnosis.case import Case, Suspicion, rise
from fastapi_tuning.control.headroom import fullest_share, was_killed


def memory(case: Case) -> Suspicion | None:
    """The fullest pod against its limit, and the last container that was killed for its memory."""
    share, killed = fullest_share(case.traffic, case.workload), was_killed(case.workload, case.now)
    confidence = max(0.95 if killed else 0.0, 0.9 * rise(share or 0.0, 0.88, 0.97))
    if confidence == 0:
        return None
    told = [] if share is None else [f"{share:.0%} of the memory limit used"]
    told += ["a container was killed for its memory"] if killed else []
    return Suspicion(factor=LimitingFactor.MEMORY, confidence=confidence, evidence=", ".join(told))
