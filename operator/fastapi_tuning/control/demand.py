"""What the pods are asked for: the load offered now, where it is heading, and how unevenly it falls on them."""

import math
from collections.abc import Iterable

from fastapi_tuning.api.status import Sample, number_of
from fastapi_tuning.control.observation import PodTraffic, Traffic, Workload

_LARGEST_IMBALANCE = 2.0
_LARGEST_RISE = 1.25
"""A forecast is at most a quarter above what is: a trend is a hint, and a step looks like one while windows fill."""
_LEAST_BASE_SECONDS = 45.0
_NOISE_DEVIATIONS = 2.5
WARM_SECONDS = 60.0
"""Until then a pod still imports, fills caches, and its rates cover less than the window."""


def offered(traffic: Traffic) -> float:
    """Requests per second: served, shed, and what the queues grew by; of late, where a shorter window shows more.

    Queues that drain are served from the past, so they count less.
    """
    served = max(traffic.requests_per_second, traffic.recent_per_second or 0.0)
    return max(0.0, served + traffic.queue_growth_per_second) + (traffic.shed_per_second or 0.0)


def forecast(offered_per_second: float, traffic: Traffic, loads: Iterable[Sample], now: float, ahead: float) -> float:
    """Offered load `ahead` seconds after the end of the window, by the slope since the oldest load that is remembered.

    A fall is not forecast: going down waits for the fall itself. Neither is a rise within 2.5 deviations of what
    Poisson arrivals do between two windows.

    Args:
        now: POSIX seconds of the observation.
    """
    base = next((load for load in loads if now - load.time.timestamp() >= _LEAST_BASE_SECONDS), None)
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


def imbalance(pods: int, unevenness: float) -> float:
    """Load of the busiest of `pods` over the mean, in [1, 2].

    Clients keep connections, and each stays with one pod. C connections over N pods leave N / C to a pod, so the
    busiest has about 1 + sqrt(2 N ln N / C) of the mean (balls in bins): it grows with the root of N.
    """
    return min(_LARGEST_IMBALANCE, 1 + unevenness * math.sqrt(pods))


def pods_for(load: float, unevenness: float) -> float:
    """Pods whose busiest carries one unit when all together carry `load`: the least n with n >= load × imbalance(n)."""
    root = (unevenness * load + math.sqrt((unevenness * load) ** 2 + 4 * load)) / 2
    return min(root**2, _LARGEST_IMBALANCE * load)


def unevenness(traffic: Traffic, workload: Workload) -> float | None:
    """How the busiest pod exceeds the mean, over the root of the number of pods; None while some are new or missing.

    What chance alone makes of it is taken off: the greatest of N Poisson counts of mean m is about sqrt(2 ln N / m)
    above it.
    """
    rates = [pod.served_per_second for pod in warm(traffic.pods)]
    if len(rates) < max(1, workload.desired_replicas) or sum(rates) <= 0:
        return None
    mean = sum(rates) / len(rates)
    chance = math.sqrt(2 * math.log(len(rates)) / (mean * traffic.window_seconds))
    excess = min(_LARGEST_IMBALANCE, max(rates) / mean - chance) - 1
    return max(0.0, excess) / math.sqrt(len(rates))
