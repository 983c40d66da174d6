"""What the pods are asked for: the load offered now, where it is heading, and how unevenly it falls on them."""

import math
from collections.abc import Iterable

from fastapi_tuning.api.status import Sample, number_of
from fastapi_tuning.control.observation import PodTraffic, Traffic, Workload

_LARGEST_IMBALANCE = 2.0
_LARGEST_RISE = 1.5
"""A forecast is at most half as much again: a trend is a hint, not a measurement."""
_LEAST_BASE_SECONDS = 45.0
_NOISE_DEVIATIONS = 2.0
WARM_SECONDS = 60.0
"""Until then a pod still imports, fills caches, and its rates cover less than the window."""


def offered(traffic: Traffic) -> float:
    """Requests per second: served, shed, and what the queues grew by."""
    return traffic.requests_per_second + (traffic.shed_per_second or 0.0) + max(0.0, traffic.queue_growth_per_second)


def forecast(offered_per_second: float, traffic: Traffic, loads: Iterable[Sample], now: float, ahead: float) -> float:
    """Offered load `ahead` seconds after the end of the window, by the slope since 45 s ago or longer.

    A fall is not forecast: going down waits for the fall itself. Neither is a rise within two deviations of what
    Poisson arrivals do between two windows.

    Args:
        now: POSIX seconds of the observation.
    """
    base = next((load for load in reversed(tuple(loads)) if now - load.time.timestamp() >= _LEAST_BASE_SECONDS), None)
    before = None if base is None else number_of(base.value)
    if base is None or before is None:
        return offered_per_second
    rise = offered_per_second - before
    noise = _NOISE_DEVIATIONS * math.sqrt(2 * offered_per_second / traffic.window_seconds)
    if rise <= noise:
        return offered_per_second
    slope = rise / (now - base.time.timestamp())
    seconds = ahead + traffic.window_seconds / 2
    return min(_LARGEST_RISE * offered_per_second, offered_per_second + slope * seconds)


def warm(pods: Iterable[PodTraffic]) -> tuple[PodTraffic, ...]:
    """Pods to learn from: ready for a minute (or it is not known since when), and running with what they were given."""
    return tuple(
        pod for pod in pods if pod.acknowledged and (pod.ready_seconds is None or pod.ready_seconds >= WARM_SECONDS)
    )


def imbalance(traffic: Traffic, workload: Workload) -> float | None:
    """Load of the busiest pod over the mean, in [1, 2]; None while some pods are new or missing.

    What chance alone makes of it is taken off: the greatest of N Poisson counts of mean m is about sqrt(2 ln N / m)
    above it.
    """
    rates = [pod.served_per_second for pod in warm(traffic.pods)]
    if len(rates) < max(1, workload.desired_replicas) or sum(rates) <= 0:
        return None
    mean = sum(rates) / len(rates)
    chance = math.sqrt(2 * math.log(len(rates)) / (mean * traffic.window_seconds))
    return min(_LARGEST_IMBALANCE, max(1.0, max(rates) / mean - chance))
