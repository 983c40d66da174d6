"""ApplicationErrors: does the app fail, whatever the load?"""

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control.burn import Evidence
from fastapi_tuning.control.diagnosis.case import Case, Suspicion, rise
from fastapi_tuning.control.objective import Verdict

_ALSO_SLOW = 0.8
"""Discount: what is slow or full fails, too."""


def application_errors(case: Case) -> Suspicion | None:
    """More requests fail than the objective allows, those apart that were refused before the app saw them."""
    traffic, objectives = case.traffic, case.spec.objectives
    requests = traffic.requests_per_second * traffic.window_seconds
    seen = Evidence(requests=requests, late=0.0, failed=traffic.failed_per_second * traffic.window_seconds)
    if case.found.verdict is not Verdict.MISSED or not seen.fails(objectives, 1.0):
        return None
    ratio, allowed = traffic.failed_per_second / traffic.requests_per_second, objectives.errors.max_ratio
    confidence = (0.6 + 0.35 * rise(ratio, allowed, 10 * allowed or 1.0)) * (_ALSO_SLOW if case.is_slow_or_full else 1)
    return Suspicion(
        factor=LimitingFactor.APPLICATION_ERRORS,
        confidence=confidence,
        evidence=f"{ratio:.2%} of requests fail, {allowed:.2%} are allowed",
    )
