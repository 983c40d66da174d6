"""Imbalance: would the objective hold if every pod had the same share of the requests?"""

import math
from collections.abc import Sequence

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control.diagnosis.case import Case, Suspicion, rise
from fastapi_tuning.control.observation import PodTraffic

_SIGNIFICANT_DEVIATIONS = 3.0
_CLOSE = 0.9
_SPARE = 0.5


def imbalance(case: Case) -> Suspicion | None:
    """One pod is full and the mean is not, by more than chance does (Poisson, three standard deviations)."""
    window = case.traffic.window_seconds
    pods = [each for each in case.traffic.pods if each.ready_seconds is None or each.ready_seconds >= window]
    if len(pods) < 2 or not case.in_danger:
        return None
    rates = [pod.served_per_second for pod in pods]
    busiest, mean = max(rates), sum(rates) / len(rates)
    if busiest - mean <= _SIGNIFICANT_DEVIATIONS * math.sqrt(mean / window):
        return None
    confidence = _confidence(busiest, mean, case.found.capacity.safe_per_second)
    if _queues_alone(pods):  # seen, not worked out from what a pod carries: no other cause does that
        confidence = max(confidence, rise(busiest / mean, 1.2, 1.6))
    if confidence == 0:
        return None
    name = next(pod.pod for pod in pods if pod.served_per_second == busiest)
    return Suspicion(
        factor=LimitingFactor.IMBALANCE,
        confidence=confidence,
        evidence=f"{name} serves {busiest:.1f} requests/s, {busiest / mean:.1f} × the mean of {len(rates)} pods",
    )


def _queues_alone(pods: Sequence[PodTraffic]) -> bool:
    """Whether requests wait for a thread in one pod, and the others have most of their threads to spare."""
    waiting = [bool(pod.threads_waiting) for pod in pods]
    return sum(waiting) == 1 and all(full or _has_room(pod) for pod, full in zip(pods, waiting, strict=True))


def _has_room(pod: PodTraffic) -> bool:
    return pod.threads is not None and pod.threads_busy is not None and pod.threads_busy < _SPARE * pod.threads


def _confidence(busiest: float, mean: float, safe: float | None) -> float:
    ratio = busiest / mean
    full_alone = safe is not None and busiest >= _CLOSE * safe > mean
    return 0.9 * rise(ratio, 1.2, 1.6) if full_alone else 0.5 * rise(ratio, 1.5, 3.0)
