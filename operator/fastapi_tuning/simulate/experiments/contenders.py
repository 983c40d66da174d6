"""Who competes: each autoscaler with each setting that the sweep tries, by name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from fastapi_tuning.simulate.autoscalers.hpa import (
    DEFAULT_CPU_TARGET_PERCENT,
    HorizontalPodAutoscaler,
    ReplicaBounds,
)
from fastapi_tuning.simulate.autoscalers.hpa_metrics import CpuUtilisation, LatencyP99, RequestsPerPod
from fastapi_tuning.simulate.autoscalers.keda import scaled_object
from fastapi_tuning.simulate.autoscalers.knative import TARGET_UTILISATION, KnativePodAutoscaler, KpaSettings
from fastapi_tuning.simulate.scaler import Scaler

DEFAULT_THREADS = 40
"""AnyIO's."""
CPU_TARGETS_PERCENT = (30, 40, 50, 60, 70, 80)
CAPACITY_SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Targets on requests and on requests in flight, as shares of what a pod carries at its best."""
OBJECTIVE_SHARES = (0.4, 0.6, 0.8)
"""Targets on the p99, as shares of the objective."""


class Family(StrEnum):
    """Autoscalers whose target is swept."""

    HPA_CPU = "HPA on CPU"
    HPA_REQUESTS = "HPA on requests per pod"
    HPA_LATENCY = "HPA on p99"
    KEDA = "KEDA on requests"
    KNATIVE = "Knative on concurrency"


HPA_FAMILIES = (Family.HPA_CPU, Family.HPA_REQUESTS, Family.HPA_LATENCY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """An autoscaler with its setting; `make` gives a new one for each run, `threads` is what pods start with."""

    name: str
    threads: int
    make: Callable[[], Scaler]


@dataclass(frozen=True, slots=True, kw_only=True)
class PodCapacity:
    """What one pod of several carries at its best with a thread count, and how many requests are in it then."""

    threads: int
    requests_per_second: float
    in_flight: float


def hpa_with_defaults(bounds: ReplicaBounds) -> Contender:
    """What one gets without choosing anything: 80 % CPU, 40 threads."""
    return Contender(
        name=f"{Family.HPA_CPU} {DEFAULT_CPU_TARGET_PERCENT} %",
        threads=DEFAULT_THREADS,
        make=lambda: HorizontalPodAutoscaler(CpuUtilisation(target_percent=DEFAULT_CPU_TARGET_PERCENT), bounds),
    )


def at_the_database(bounds: ReplicaBounds, objective_seconds: float) -> tuple[Contender, ...]:
    """Who meets a database that is the limit: by CPU, by latency, and by requests in flight."""
    return (
        hpa_with_defaults(bounds),
        _hpa_on_latency(OBJECTIVE_SHARES[1] * objective_seconds, DEFAULT_THREADS, bounds),
        _knative(TARGET_UTILISATION * DEFAULT_THREADS, DEFAULT_THREADS, bounds),
    )


def sweep(
    family: Family, capacity: PodCapacity, bounds: ReplicaBounds, objective_seconds: float
) -> Iterable[Contender]:
    """The settings to try of an autoscaler, from the one that keeps the most pods to the one that keeps the fewest."""
    match family:
        case Family.HPA_CPU:
            for percent in CPU_TARGETS_PERCENT:
                yield _hpa_on_cpu(percent, capacity.threads, bounds)
        case Family.HPA_LATENCY:
            for share in OBJECTIVE_SHARES:
                yield _hpa_on_latency(share * objective_seconds, capacity.threads, bounds)
        case Family.HPA_REQUESTS:
            for share in CAPACITY_SHARES:
                yield _hpa_on_requests(share * capacity.requests_per_second, capacity.threads, bounds)
        case Family.KEDA:
            for share in CAPACITY_SHARES:
                yield _keda(share * capacity.requests_per_second, capacity.threads, bounds)
        case Family.KNATIVE:
            for share in CAPACITY_SHARES:
                yield _knative(share * capacity.in_flight, capacity.threads, bounds)


def _hpa_on_cpu(percent: int, threads: int, bounds: ReplicaBounds) -> Contender:
    return Contender(
        name=f"{Family.HPA_CPU} {percent} %",
        threads=threads,
        make=lambda: HorizontalPodAutoscaler(CpuUtilisation(target_percent=percent), bounds),
    )


def _hpa_on_requests(target: float, threads: int, bounds: ReplicaBounds) -> Contender:
    return Contender(
        name=f"{Family.HPA_REQUESTS} {target:.1f}/s",
        threads=threads,
        make=lambda: HorizontalPodAutoscaler(RequestsPerPod(target_per_second=target), bounds),
    )


def _hpa_on_latency(target: float, threads: int, bounds: ReplicaBounds) -> Contender:
    return Contender(
        name=f"{Family.HPA_LATENCY} {1000 * target:.0f} ms",
        threads=threads,
        make=lambda: HorizontalPodAutoscaler(LatencyP99(target_seconds=target), bounds),
    )


def _keda(target: float, threads: int, bounds: ReplicaBounds) -> Contender:
    return Contender(name=f"{Family.KEDA} {target:.1f}/s", threads=threads, make=lambda: scaled_object(target, bounds))


def _knative(target: float, threads: int, bounds: ReplicaBounds) -> Contender:
    return Contender(
        name=f"{Family.KNATIVE} {TARGET_UTILISATION:.0%} of {target / TARGET_UTILISATION:.1f}",
        threads=threads,
        make=lambda: KnativePodAutoscaler(KpaSettings(target=target), bounds),
    )
