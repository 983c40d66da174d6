"""CPU: would the objective hold if the pods computed in no time?"""

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control.diagnosis.case import Case, Suspicion, rise


def cpu(case: Case) -> Suspicion | None:
    """Pods use up their core, or requests that compute are late, or more than a core safely carries."""
    confidence = max(_busy(case), _computing(case))
    if confidence == 0:
        return None
    used, work = case.found.cpu_utilisation, case.found.capacity.cpu_seconds_per_request
    told = ["CPU use unknown" if used is None else f"pods use {used:.0%} of their core"]
    told += [] if work is None else [f"{work * 1000:.1f} ms CPU a request"]
    told += [] if case.load_share is None else [f"{case.load_share:.0%} of the safe load"]
    return Suspicion(factor=LimitingFactor.CPU, confidence=confidence, evidence=", ".join(told))


def _busy(case: Case) -> float:
    used = case.found.cpu_utilisation or 0.0
    return 0.95 * rise(used, 0.7, 0.9) if case.in_danger else 0.7 * rise(used, 0.8, 0.95)


def _computing(case: Case) -> float:
    """Requests that compute wait for nothing but the interpreter, however idle the core is between two bursts."""
    if not case.requests_compute:
        return 0.0
    if case.is_late:
        return 0.75 if case.found.is_slow or case.found.queues or case.is_fully_loaded else 0.5
    return 0.5 if case.is_fully_loaded else 0.0
