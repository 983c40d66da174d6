"""TrafficOnly: is more offered than the pods carry, while a request costs what it always did?"""

from fastapi_tuning.api.status import LimitingFactor, number_of
from fastapi_tuning.control.diagnosis.case import Case, Suspicion
from fastapi_tuning.control.replicas import feed_forward

_SLOWER = 0.5
"""Discount: a request that takes longer than alone is not only one of many."""


def traffic_only(case: Case) -> Suspicion | None:
    """More than what ready pods safely carry."""
    found, share = case.found, case.load_share
    if share is None or share < 1:
        return None
    needed, most = feed_forward(found, found.offered_per_second) or 1, case.spec.replicas.max
    confidence = (0.65 if needed > most else 0.6) if case.in_danger else 0.45
    told = [f"{found.offered_per_second:.1f} requests/s offered, {share:.0%} of what the ready pods safely carry"]
    told += [f"{needed} pods would carry it, the maximum is {most}"] if needed > most else []
    told += _risen(case)
    if case.workload.unschedulable is not None:
        told.append(f"{case.workload.unschedulable.pods} pods find no node: {case.workload.unschedulable.message}")
    return Suspicion(
        factor=LimitingFactor.TRAFFIC_ONLY,
        confidence=confidence * (_SLOWER if found.is_slow else 1),
        evidence=", ".join(told),
    )


def _risen(case: Case) -> list[str]:
    before = number_of(case.history.loads[0].value) if case.history.loads else None
    return [] if not before or case.found.offered_per_second <= before else [f"from {before:.1f} within minutes"]
