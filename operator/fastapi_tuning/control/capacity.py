"""What one pod carries: the least of what its threads and its CPU can do, corrected by what was seen.

Both follow from work per request. Service time is the *uncontended* one, the least mean of the last half hour: a slow
database raises the present service time, and more threads for it would slow the database further.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.api.status import Learned, LimitingFactor, Sample, number_of
from fastapi_tuning.control import objective
from fastapi_tuning.control.demand import warm
from fastapi_tuning.control.observation import PodTraffic, Traffic, Workload

_CPU_UTILISATION_BOUNDS = (0.3, 0.75)
_PROCESSOR_SHARING_P99 = 4.6
"""-ln(0.01): the 99th percentile of an M/M/1 sojourn is 4.6 S / (1 - rho)."""
LARGEST_UTILISATION = 0.9
"""However well a pod did, a tenth of it stays free."""
_MOST_THREADS = 10_000
_CPU_QUANTILE = 0.8
"""CPU per request is taken at the upper fifth of the last minutes, so capacity at the lower: a lower bound, as
Cilantro (OSDI'23) sizes by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCapacity:
    """Requests per second that one pod carries; None: nothing is known of that resource."""

    service_seconds: float | None
    """Uncontended time in a thread per request."""
    service_tail_seconds: float | None
    """Latency percentile of the objective while nothing queued."""
    cpu_seconds_per_request: float | None
    threads: int | None
    thread_safe_per_second: float | None
    cpu_safe_per_second: float | None
    thread_saturated_per_second: float | None
    cpu_saturated_per_second: float | None
    correction: float = 1.0
    """Factor on the safe rates, learned from loaded pods."""
    proven_per_second: float | None = None
    """Highest rate at which the objective was seen to hold."""

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

    def with_threads(self, threads: int) -> "PodCapacity":
        """The same pod with another pool."""
        saturated, safe = _thread_rates(threads, self.service_seconds, self.correction)
        return replace(self, threads=threads, thread_saturated_per_second=saturated, thread_safe_per_second=safe)


def capacity_of(traffic: Traffic, workload: Workload, objectives: Objectives, learned: Learned) -> PodCapacity:
    """Capacity from the present window and what was learned of this template."""
    service = _least(learned.service_samples, service_seconds_now(traffic, objectives))
    percentile = objective.quantile(traffic.buckets, objectives.latency.target_ratio)
    cpu = _upper(learned.cpu_samples, cpu_seconds_now(traffic))
    # The size of a pool is true of a cold pod too.
    threads = min((pod.threads for pod in traffic.pods if pod.threads and pod.acknowledged), default=None)
    correction = number_of(learned.correction) or 1.0
    cpu_saturated = _cores(workload) / cpu if cpu else None
    thread_saturated, thread_safe = _thread_rates(threads, service, correction)
    return PodCapacity(
        service_seconds=service,
        service_tail_seconds=_least(learned.service_tail_samples, percentile),
        cpu_seconds_per_request=cpu,
        threads=threads,
        thread_saturated_per_second=thread_saturated,
        thread_safe_per_second=thread_safe,
        cpu_saturated_per_second=cpu_saturated,
        cpu_safe_per_second=(
            _corrected(cpu_utilisation(cpu, objectives.latency.threshold_seconds), correction) * cpu_saturated
            if cpu and cpu_saturated
            else None
        ),
        correction=correction,
        proven_per_second=number_of(learned.proven_per_second),
    )


def thread_utilisation(threads: int) -> float:
    """Busy share of the pool (0 to 1) at which two standard deviations of load still find a free thread.

    Inverse of `threads_for`: a + 2 sqrt(a) = T gives a = (sqrt(1 + T) - 1)². 40 threads: 0.73.
    """
    return float((math.sqrt(1 + threads) - 1) ** 2 / threads)


def threads_for(busy: float) -> int:
    """Threads for a mean of `busy` in use (Little's law: rate x service time), two standard deviations above it."""
    return math.ceil(min(_MOST_THREADS, busy + 2 * math.sqrt(busy)))


def cpu_utilisation(cpu_seconds_per_request: float, threshold_seconds: float) -> float:
    """Busy share of the core (0 to 1) at which an M/M/1 99th percentile still makes the objective, in [0.3, 0.75]."""
    low, high = _CPU_UTILISATION_BOUNDS
    return min(high, max(low, 1 - _PROCESSOR_SHARING_P99 * cpu_seconds_per_request / threshold_seconds))


def service_seconds_now(traffic: Traffic, objectives: Objectives) -> float | None:
    """Time in a thread per request in this window, as if nobody else computed.

    Measured by the agent, else mean latency while in time. Threads share the interpreter, so the computing part of a
    request takes 1 / (1 - rho) as long as alone (processor sharing), and rho / (1 - rho) of it is taken off again.
    """
    if (measured := thread_seconds(warm(traffic.pods))) is not None:
        return measured
    in_time = 0 < traffic.average_latency_seconds <= objectives.latency.threshold_seconds
    return traffic.average_latency_seconds if in_time else None


def thread_seconds(pods: Iterable[PodTraffic]) -> float | None:
    """Time in a thread per request of these pods, as if nobody else computed; None where no agent measures it."""
    measured = [
        (_alone(pod.thread_seconds_per_request, pod), pod.served_per_second)
        for pod in pods
        if pod.thread_seconds_per_request and pod.served_per_second > 0
    ]
    if not measured:
        return None
    return sum(seconds * rate for seconds, rate in measured) / sum(rate for _, rate in measured)


def _alone(seconds: float, pod: PodTraffic) -> float:
    if pod.cpu_cores is None:
        return seconds
    cpu, rho = pod.cpu_cores / pod.served_per_second, min(LARGEST_UTILISATION, pod.cpu_cores)
    return max(min(cpu, seconds), seconds - cpu * rho / (1 - rho))


def cpu_seconds_now(traffic: Traffic) -> float | None:
    """CPU seconds per request in this window."""
    known = [(pod.cpu_cores, pod.served_per_second) for pod in warm(traffic.pods) if pod.cpu_cores is not None]
    served = sum(rate for _, rate in known)
    return sum(cores for cores, _ in known) / served if served > 0 else None


def cpu_utilisation_now(pods: Iterable[PodTraffic], workload: Workload) -> float | None:
    """Busy share of what a pod may use, over the pods that say so."""
    used = [pod.cpu_cores for pod in pods if pod.cpu_cores is not None]
    return sum(used) / len(used) / _cores(workload) if used else None


def _cores(workload: Workload) -> float:
    """One interpreter uses one core; the limit may allow less."""
    # A worker count that is not known counts as one: the cautious guess.
    workers = float(max(1, workload.launch.workers or 1))
    return min(workers, workload.cpu_limit_cores or workers)


def _thread_rates(threads: int | None, service: float | None, correction: float) -> tuple[float | None, float | None]:
    """(saturated, safe) requests per second of a pool."""
    if not threads or not service:
        return None, None
    saturated = threads / service
    return saturated, _corrected(thread_utilisation(threads), correction) * saturated


def _corrected(utilisation: float, correction: float) -> float:
    return min(LARGEST_UTILISATION, utilisation * correction)


def _least(samples: Iterable[Sample], now: float | None) -> float | None:
    seen = [number for sample in samples if (number := number_of(sample.value))]
    return min([*seen, now] if now else seen, default=None)


def _upper(samples: Iterable[Sample], now: float | None) -> float | None:
    seen = sorted(number for sample in samples if (number := number_of(sample.value)))
    if not seen:
        return now
    return seen[math.ceil(_CPU_QUANTILE * len(seen)) - 1]
