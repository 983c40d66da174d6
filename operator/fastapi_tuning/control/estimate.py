"""Observation → Estimate: what the numbers mean, still without any wish to change something.

The objective is judged at a bucket edge (never by interpolation) and only on significant evidence. The capacity
of a pod is the least of what its threads and its CPU can carry.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.api.status import Learned, LimitingFactor
from fastapi_tuning.control.observation import LatencyBucket, PodTraffic, Traffic, Workload
from fastapi_tuning.control.significance import exceeds

LEAST_REQUESTS = 100
"""Below this many requests in a window a percentile is noise."""

_CPU_UTILISATION_BOUNDS = (0.3, 0.75)
_PROCESSOR_SHARING_P99 = 4.6
"""-ln(0.01): the 99th percentile of an M/M/1 sojourn is 4.6 S / (1 - rho)."""
_SERVICE_TIME_RISE = 1.02
"""The uncontended service time follows falls at once and rises by 2 % a cycle: contention must not look like work."""
_LARGEST_IMBALANCE = 2.0


class Verdict(StrEnum):
    """Whether the objective holds, as far as the evidence goes."""

    MET = "Met"
    MISSED = "Missed"
    TOO_FEW_REQUESTS = "TooFewRequests"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCapacity:
    """Requests per second that one pod carries; None: nothing is known of that resource."""

    service_seconds: float | None
    cpu_seconds_per_request: float | None
    threads: int | None
    thread_safe_per_second: float | None
    cpu_safe_per_second: float | None
    thread_saturated_per_second: float | None
    cpu_saturated_per_second: float | None

    @property
    def safe_per_second(self) -> float | None:
        """The rate at which the objective still holds: the least of the known ones."""
        known = [rate for rate in (self.thread_safe_per_second, self.cpu_safe_per_second) if rate is not None]
        return min(known, default=None)

    @property
    def saturated_per_second(self) -> float | None:
        known = [rate for rate in (self.thread_saturated_per_second, self.cpu_saturated_per_second) if rate is not None]
        return min(known, default=None)

    @property
    def binding(self) -> LimitingFactor:
        """The resource that ends first."""
        if self.thread_safe_per_second is None and self.cpu_safe_per_second is None:
            return LimitingFactor.UNKNOWN
        threads = math.inf if self.thread_safe_per_second is None else self.thread_safe_per_second
        cpu = math.inf if self.cpu_safe_per_second is None else self.cpu_safe_per_second
        return LimitingFactor.THREAD_POOL if threads < cpu else LimitingFactor.CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """All that decisions are made from. Ratios are 0 to 1, rates per second over the whole workload."""

    offered_per_second: float
    requests_in_window: float
    bad_ratio: float
    error_ratio: float
    verdict: Verdict
    latency_percentile_seconds: float | None
    imbalance: float
    """Load of the busiest pod over the mean."""
    capacity: PodCapacity


def estimate(traffic: Traffic, workload: Workload, objectives: Objectives, learned: Learned) -> Estimate:
    """Judge the window against the objective and work out what a pod can carry."""
    requests = traffic.requests_per_second * traffic.window_seconds
    bad_ratio = max(0.0, 1 - traffic.fast_per_second / traffic.requests_per_second)
    error_ratio = traffic.failed_per_second / traffic.requests_per_second
    return Estimate(
        offered_per_second=traffic.requests_per_second + max(0.0, traffic.queue_growth_per_second),
        requests_in_window=requests,
        bad_ratio=bad_ratio,
        error_ratio=error_ratio,
        verdict=_verdict(requests, bad_ratio, error_ratio, traffic, objectives),
        latency_percentile_seconds=quantile(traffic.buckets, objectives.latency.target_ratio),
        imbalance=_imbalance(traffic.pods),
        capacity=_capacity(traffic, workload, objectives, learned),
    )


def _verdict(
    requests: float, bad_ratio: float, error_ratio: float, traffic: Traffic, objectives: Objectives
) -> Verdict:
    late = exceeds(bad=requests * bad_ratio, total=requests, allowed_ratio=1 - objectives.latency.target_ratio)
    failed = exceeds(bad=requests * error_ratio, total=requests, allowed_ratio=objectives.errors.max_ratio)
    average_limit = objectives.average_latency_milliseconds
    slow_on_average = average_limit is not None and traffic.average_latency_seconds * 1000 > average_limit
    if requests < LEAST_REQUESTS:
        return Verdict.TOO_FEW_REQUESTS
    return Verdict.MISSED if late or failed or slow_on_average else Verdict.MET


def quantile(buckets: tuple[LatencyBucket, ...], ratio: float) -> float | None:
    """Latency for people to read, in seconds: linear inside the bucket, as Prometheus does it.

    None without buckets; the lower edge of +Inf when the quantile lies beyond the last finite edge. Decisions never
    use it.
    """
    if not buckets or buckets[-1].requests_per_second <= 0:
        return None
    rank = ratio * buckets[-1].requests_per_second
    lower_seconds, lower_count = 0.0, 0.0
    for bucket in buckets:
        if bucket.requests_per_second >= rank:
            if math.isinf(bucket.upper_seconds):
                return lower_seconds
            inside = bucket.requests_per_second - lower_count
            share = (rank - lower_count) / inside if inside > 0 else 1.0
            return lower_seconds + share * (bucket.upper_seconds - lower_seconds)
        lower_seconds, lower_count = bucket.upper_seconds, bucket.requests_per_second
    return lower_seconds


def _imbalance(pods: tuple[PodTraffic, ...]) -> float:
    rates = [pod.served_per_second for pod in pods]
    mean = sum(rates) / len(rates) if rates else 0.0
    return min(_LARGEST_IMBALANCE, max(rates) / mean) if mean > 0 else 1.0


def _capacity(traffic: Traffic, workload: Workload, objectives: Objectives, learned: Learned) -> PodCapacity:
    # Nothing is learned from a pod that does not run with the settings it was given.
    traffic = replace(traffic, pods=tuple(pod for pod in traffic.pods if pod.acknowledged))
    service = _service_seconds(traffic, workload, objectives, learned)
    cpu = _cpu_seconds_per_request(traffic.pods)
    threads = min((pod.threads for pod in traffic.pods if pod.threads is not None), default=None)
    cores = min(1.0, workload.cpu_limit_cores or 1.0)
    thread_saturated = threads / service if threads is not None and service else None
    cpu_saturated = cores / cpu if cpu else None
    return PodCapacity(
        service_seconds=service,
        cpu_seconds_per_request=cpu,
        threads=threads,
        thread_saturated_per_second=thread_saturated,
        cpu_saturated_per_second=cpu_saturated,
        thread_safe_per_second=(
            thread_utilisation(threads) * thread_saturated if threads and thread_saturated else None
        ),
        cpu_safe_per_second=(
            cpu_utilisation(cpu, objectives.latency.threshold_seconds) * cpu_saturated
            if cpu and cpu_saturated
            else None
        ),
    )


def thread_utilisation(threads: int) -> float:
    """Busy share of the pool (0 to 1) at which two standard deviations of load still find a free thread.

    Inverse of `threads_for`: a + 2 sqrt(a) = T gives a = (sqrt(1 + T) - 1)². 40 threads: 0.73.
    """
    return float((math.sqrt(1 + threads) - 1) ** 2 / threads)


def threads_for(busy: float) -> int:
    """Threads for a mean of `busy` in use (Little's law: rate x service time), two standard deviations above it."""
    return math.ceil(busy + 2 * math.sqrt(busy))


def cpu_utilisation(cpu_seconds_per_request: float, threshold_seconds: float) -> float:
    """Busy share of the core (0 to 1) at which an M/M/1 99th percentile still makes the objective, in [0.3, 0.75]."""
    low, high = _CPU_UTILISATION_BOUNDS
    return min(high, max(low, 1 - _PROCESSOR_SHARING_P99 * cpu_seconds_per_request / threshold_seconds))


def _service_seconds(traffic: Traffic, workload: Workload, objectives: Objectives, learned: Learned) -> float | None:
    """Uncontended time in a thread per request: measured by the agent, else mean latency while nothing queues."""
    measured = [
        (pod.thread_seconds_per_request, pod.served_per_second)
        for pod in traffic.pods
        if pod.thread_seconds_per_request is not None and pod.served_per_second > 0
    ]
    remembered = float(learned.service_seconds or 0) or None
    if learned.template_hash != workload.template_hash:
        remembered = None
    if measured:
        now = sum(seconds * rate for seconds, rate in measured) / sum(rate for _, rate in measured)
    elif 0 < traffic.average_latency_seconds <= objectives.latency.threshold_seconds:
        now = traffic.average_latency_seconds
    else:
        return remembered
    return now if remembered is None else min(now, remembered * _SERVICE_TIME_RISE)


def _cpu_seconds_per_request(pods: tuple[PodTraffic, ...]) -> float | None:
    known = [(pod.cpu_cores, pod.served_per_second) for pod in pods if pod.cpu_cores is not None]
    served = sum(rate for _, rate in known)
    return sum(cores for cores, _ in known) / served if served > 0 else None
