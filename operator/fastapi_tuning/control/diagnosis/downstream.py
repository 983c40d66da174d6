"""Downstream: do requests wait for something behind the pods that nobody measures?"""

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control import growth
from fastapi_tuning.control.diagnosis.case import Case, Suspicion


def downstream(case: Case) -> Suspicion | None:
    """More was tried and brought nothing; or requests take longer than alone while cores idle."""
    if not case.in_danger:
        return None
    tried, found = case.history.replica_growth, case.found
    cap = growth.cap_of(tried, case.now)
    told = []
    if cap is not None:
        told.append(f"more than {cap} pods brought no more")
    if case.waits_elsewhere:
        told.append(f"requests take {found.slowdown or 1:.1f} × as long as alone, CPU {found.cpu_utilisation or 0:.0%}")
    if not told:
        return None
    confidence = 0.75 if cap is not None else 0.6
    return Suspicion(factor=LimitingFactor.DOWNSTREAM, confidence=confidence, evidence="; ".join(told))
