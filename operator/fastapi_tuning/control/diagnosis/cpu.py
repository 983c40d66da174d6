"""CPU: would the objective hold if the pods computed in no time?"""

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control.diagnosis.case import Case, Suspicion, rise
from fastapi_tuning.control.diagnosis.event_loop import names_a_line

_COMPUTING_SHARE = 0.5
_STARVING = 0.4
"""A pod that uses less of its core than this does not wait for CPU."""


def cpu(case: Case) -> Suspicion | None:
    """Pods use up their core, or more is offered than it safely carries, or the event loop waits for its turn."""
    confidence = max(_busy(case), _loaded(case), _starved(case))
    if confidence == 0:
        return None
    used, work = case.found.cpu_utilisation, case.found.capacity.cpu_seconds_per_request
    told = ["CPU use unknown" if used is None else f"pods use {used:.0%} of their core"]
    told += [] if work is None else [f"{work * 1000:.1f} ms CPU a request"]
    told += [] if case.load_share is None else [f"{case.load_share:.0%} of the safe load"]
    told += [] if _starved(case) == 0 or case.blocking is None else [f"the loop waits {case.blocking.ratio:.0%} of it"]
    return Suspicion(factor=LimitingFactor.CPU, confidence=confidence, evidence=", ".join(told))


def _busy(case: Case) -> float:
    used = case.found.cpu_utilisation or 0.0
    return 0.95 * rise(used, 0.7, 0.9) if case.in_danger else 0.7 * rise(used, 0.8, 0.95)


def _loaded(case: Case) -> float:
    """Requests that compute for most of their time, and more of them than the core safely carries."""
    capacity = case.found.capacity
    work, whole = capacity.cpu_seconds_per_request or 0.0, capacity.service_seconds or 0.0
    if capacity.binding is not LimitingFactor.CPU or not case.is_fully_loaded or work < _COMPUTING_SHARE * whole:
        return 0.0
    return 0.75 if case.in_danger else 0.5


def _starved(case: Case) -> float:
    """The loop is late though no line of its own holds it: other threads compute, or the node is short."""
    call, used = case.blocking, case.found.cpu_utilisation or 0.0
    if call is None or names_a_line(call) or not case.in_danger or used < _STARVING:
        return 0.0
    return 0.7 * rise(call.ratio, 0.1, 0.4)
