"""What a request costs, as the history shows it: a service to simulate. Constants, since a week would hide no drift."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

import numpy as np

from fastapi_tuning.control.objective import LEAST_REQUESTS
from fastapi_tuning.control.observation import LatencyBucket, Traffic
from fastapi_tuning.observe.history import Moment
from fastapi_tuning.simulate.app import NO_TIME, AppModel, Endpoint, Execution
from fastapi_tuning.simulate.past import NothingToReplay
from fastapi_tuning.simulate.service_times import Constant, Lognormal, ServiceTime

FRAMEWORK_CPU_SECONDS = 0.0002
_QUIET_QUANTILE = 0.25
_QUIET_MARGIN = 1.2
"""A slot is quiet, its latency free of queues, up to so many times the lower quartile of the mean latencies."""
_SIGMAS = tuple(number / 100 for number in range(1, 201))
_LEAST_PROBABILITY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A typical value and the 5th and 95th percentile of the slots."""

    typical: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFit:
    """A request of this service when it need not queue. Seconds; None: not exported."""

    latency_seconds: Spread
    """Mean latency: typical is that of the quiet slots, the spread is over all slots, queues included."""
    sigma: float
    """Of the lognormal part."""
    cpu_seconds: Spread | None
    """All CPU of the pods by all requests, the framework's and the idle process's included."""
    error_ratio: float
    """Share of failed requests in the median slot: what outages added is nothing that pods could have mended."""
    threads: int | None

    @property
    def own_cpu_seconds(self) -> float:
        """Of the endpoint's own code."""
        if self.cpu_seconds is None:
            return 0.0
        return min(max(0.0, self.cpu_seconds.typical - FRAMEWORK_CPU_SECONDS), self.latency_seconds.typical)


def fit(moments: Sequence[Moment]) -> ServiceFit:
    """Estimate from all slots with enough requests for a mean.

    Raises:
        NothingToReplay: there is no request.
    """
    traffic = [moment.signals for moment in moments if isinstance(moment.signals, Traffic)]
    if not traffic:
        raise NothingToReplay("the history has no request in it")
    busy = [each for each in traffic if each.requests_per_second * each.window_seconds >= LEAST_REQUESTS] or traffic
    latencies = np.array([each.average_latency_seconds for each in busy])
    most = _QUIET_MARGIN * float(np.quantile(latencies, _QUIET_QUANTILE))
    quiet = [each for each in busy if each.average_latency_seconds <= most]
    latency = _spread(_mean([each.average_latency_seconds for each in quiet], quiet), latencies)
    cpu = _cpu(busy)
    threads = [moment.threads_per_pod for moment in moments if moment.threads_per_pod is not None]
    without_sigma = ServiceFit(
        latency_seconds=latency,
        sigma=0.0,
        cpu_seconds=cpu,
        error_ratio=min(1.0, median(each.failed_per_second / each.requests_per_second for each in busy)),
        threads=round(median(threads)) if threads else None,
    )
    steady, varying = _parts(without_sigma)
    return ServiceFit(
        latency_seconds=latency,
        sigma=sigma_of(_pooled(quiet), constant_seconds=steady, mean_seconds=varying),
        cpu_seconds=cpu,
        error_ratio=without_sigma.error_ratio,
        threads=without_sigma.threads,
    )


def sigma_of(buckets: Sequence[LatencyBucket], *, constant_seconds: float, mean_seconds: float) -> float:
    """The lognormal spread under which the buckets are likeliest, for a known mean: maximum likelihood on a grid.

    Latencies are a constant and a lognormal of that mean. The mean is exact in a histogram, its shape is coarse.
    """
    cumulative = np.array([bucket.requests_per_second for bucket in buckets])
    counts = np.diff(cumulative, prepend=0.0).clip(min=0.0)
    edges = [bucket.upper_seconds - constant_seconds for bucket in buckets]

    def likelihood(sigma: float) -> float:
        below = np.array([_lognormal_below(edge, mean_seconds, sigma) for edge in edges])
        return float(counts @ np.log(np.diff(below, prepend=0.0).clip(min=_LEAST_PROBABILITY)))

    return max(_SIGMAS, key=likelihood)


def app_of(found: ServiceFit, *, execution: Execution, startup: ServiceTime, cpu_cores: float) -> AppModel:
    """A service of one endpoint that waits and computes; the longer of the two parts varies, the other is constant."""
    _, mean_seconds = _parts(found)
    varying = Lognormal(median_seconds=mean_seconds * math.exp(-(found.sigma**2) / 2), sigma=found.sigma)
    own, waits = found.own_cpu_seconds, _waits(found)
    endpoint = Endpoint(
        execution=execution,
        cpu=_constant(own) if waits else varying,
        wait=varying if waits else _constant(found.latency_seconds.typical - own),
        error_ratio=found.error_ratio,
    )
    framework = FRAMEWORK_CPU_SECONDS if found.cpu_seconds is None else found.cpu_seconds.typical - own
    return AppModel(
        endpoints=(endpoint,),
        framework_cpu_seconds=min(FRAMEWORK_CPU_SECONDS, max(0.0, framework)),
        startup=startup,
        cpu_cores=cpu_cores,
    )


def _waits(found: ServiceFit) -> bool:
    """Whether a request waits for longer than it computes."""
    return found.own_cpu_seconds <= found.latency_seconds.typical / 2


def _parts(found: ServiceFit) -> tuple[float, float]:
    """Seconds of the constant part, and of the varying one."""
    own = found.own_cpu_seconds
    rest = found.latency_seconds.typical - own
    constant, varying = (own, rest) if _waits(found) else (rest, own)
    return constant, max(varying, 1e-6)


def _constant(seconds: float) -> ServiceTime:
    return Constant(seconds=seconds) if seconds > 0 else NO_TIME


def _cpu(traffic: Sequence[Traffic]) -> Spread | None:
    measured = [each for each in traffic if each.pods and each.pods[0].cpu_cores is not None]
    if not measured:
        return None
    each_seconds = [(each.pods[0].cpu_cores or 0.0) / each.requests_per_second for each in measured]
    return _spread(_mean(each_seconds, measured), np.array(each_seconds))


def _mean(values: Sequence[float], traffic: Sequence[Traffic]) -> float:
    """By requests."""
    return float(np.average(values, weights=[each.requests_per_second for each in traffic]))


def _spread(typical: float, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Spread:
    low, high = np.quantile(values, (0.05, 0.95))
    return Spread(typical=typical, low=float(low), high=float(high))


def _pooled(traffic: Sequence[Traffic]) -> tuple[LatencyBucket, ...]:
    """The sum of the histograms, at the edges that all of them have."""
    found: dict[float, list[float]] = {}
    for each in traffic:
        for bucket in each.buckets:
            found.setdefault(bucket.upper_seconds, []).append(bucket.requests_per_second)
    return tuple(
        LatencyBucket(upper_seconds=edge, requests_per_second=sum(rates))
        for edge, rates in sorted(found.items())
        if len(rates) == len(traffic)
    )


def _lognormal_below(seconds: float, mean_seconds: float, sigma: float) -> float:
    if seconds <= 0:
        return 0.0
    if math.isinf(seconds):
        return 1.0
    middle = math.log(mean_seconds) - sigma**2 / 2
    return NormalDist(middle, sigma).cdf(math.log(seconds))
