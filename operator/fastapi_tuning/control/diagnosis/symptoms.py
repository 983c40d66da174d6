"""How a service in danger looks from outside: slow for some, slower with load, failing more than it did."""

from fastapi_tuning.control.diagnosis.case import Case

_LONG_TAIL = 10.0
"""A percentile of ten times the mean: some requests meet something that the others do not."""
_RISING = 2.0


def symptoms(case: Case) -> tuple[str, ...]:
    """Sentences with numbers; none for a service that is well."""
    if not case.in_danger:
        return ()
    return tuple(told for told in (_misses(case), _tail(case), _surges(case), _errors_rise(case)) if told)


def _misses(case: Case) -> str:
    found = case.found
    return f"{found.bad_ratio:.1%} late, {found.error_ratio:.1%} failed"


def _tail(case: Case) -> str:
    mean, percentile = case.traffic.average_latency_seconds, case.found.latency_percentile_seconds
    if percentile is None or mean <= 0 or percentile < _LONG_TAIL * mean:
        return ""
    return f"p{case.spec.objectives.latency.percentile} {percentile / mean:.0f} × the average"


def _surges(case: Case) -> str:
    """A bottleneck: latency grows with load, and so much more than the load itself."""
    return f"latency surges with load ({case.found.slowdown or 1:.1f} × as long as alone)" if case.found.is_slow else ""


def _errors_rise(case: Case) -> str:
    lately, before = case.found.budget.five_minutes, case.found.budget.hour
    now, usual = lately.failed / max(1.0, lately.requests), before.failed / max(1.0, before.requests)
    rising = now > case.spec.objectives.errors.max_ratio and now >= _RISING * usual
    return f"errors rise ({now:.1%} in 5 min, {usual:.1%} in the hour)" if rising else ""
