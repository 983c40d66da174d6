"""What the steps say of one pod: the load that it carries, the pool that suits it, and what they leave open. Pure."""

from collections.abc import Sequence
from datetime import datetime

from fastapi_tuning.api.model import ApiModel
from fastapi_tuning.api.spec import FastAPITuningSpec, MetricsSource
from fastapi_tuning.api.status import Learned, Sample, text_of
from fastapi_tuning.control.capacity import (
    LARGEST_UTILISATION,
    PodCapacity,
    capacity_of,
    cpu_seconds_now,
    service_seconds_now,
    threads_for,
)
from fastapi_tuning.control.knobs import Knob, bounds_of
from fastapi_tuning.control.observation import Signals, Traffic, Workload
from fastapi_tuning.control.threads import computes, roomy_pool
from fastapi_tuning.load_test.search import failed, held
from fastapi_tuning.load_test.step import Step

ANYIO_THREADS = 40
"""AnyIO's own size: a pool that nobody tells of has it as a rule."""
_MOST_SAMPLES = 8


class Findings(ApiModel):
    """Rates are requests per second of one pod. None: not known."""

    knee_per_second: float | None
    """Highest load at which the objective held."""
    failed_per_second: float | None
    """Lowest load at which it did not; None: none was reached."""
    safe_per_second: float | None
    """What to plan with: nine tenths of the knee, since a tenth of a pod stays free in the operator's law too."""
    law_per_second: float | None
    """What the operator takes a pod with its present pool for until it has seen more: from threads and CPU."""
    service_seconds: float | None
    """Time in a thread per request while nothing queued; without an agent the mean latency of the clients instead."""
    service_measured: bool
    """Whether the agent measured it."""
    cpu_seconds_per_request: float | None
    threads: int | None
    """Of the pool, as it was."""
    best_threads: int | None
    """Of the pool that never is the first to end, by Little's law; None while the service time is unknown."""
    threads_from: str
    """How the number came about, for people."""
    pool_ended_first: bool
    """Whether the knee is the pool's, so that a larger one would move it."""


def findings_of(
    steps: Sequence[Step],
    signals: Sequence[Signals],
    workload: Workload,
    spec: FastAPITuningSpec,
    *,
    threads: int | None,
    now: datetime,
) -> Findings:
    """Put the steps together.

    Args:
        signals: what Prometheus saw at the end of each step, oldest first; empty without one.
        threads: size of the pool where Prometheus does not tell it.
    """
    knee, above = _per_pod(held(steps)), _per_pod(failed(steps))
    seen = [each for each in signals if isinstance(each, Traffic)]
    capacity = _capacity(seen or _as_clients_saw(steps, spec), workload, spec, now)
    pool = capacity.threads or threads
    if pool is not None:
        capacity = capacity.with_threads(pool)
    best_threads, reasoning = _best_threads(capacity, knee, spec)
    return Findings(
        knee_per_second=knee,
        failed_per_second=above,
        safe_per_second=None if knee is None else LARGEST_UTILISATION * knee,
        law_per_second=capacity.safe_per_second,
        service_seconds=capacity.service_seconds,
        service_measured=any(pod.thread_seconds_per_request for each in seen for pod in each.pods),
        cpu_seconds_per_request=capacity.cpu_seconds_per_request,
        threads=pool,
        best_threads=best_threads,
        threads_from=reasoning,
        pool_ended_first=above is not None and _fills_pool(capacity, knee),
    )


def _per_pod(step: Step | None) -> float | None:
    return None if step is None or step.pods == 0 else step.offered_per_second / step.pods


def _as_clients_saw(steps: Sequence[Step], spec: FastAPITuningSpec) -> list[Traffic]:
    """Windows without pods: the law takes a mean latency in time for the service time then."""
    return [
        Traffic(
            source=MetricsSource.CUSTOM,
            window_seconds=max(1, round(step.seconds)),
            requests_per_second=step.served_per_second,
            failed_per_second=0.0,
            fast_per_second=step.served_per_second,
            edge_seconds=spec.objectives.latency.threshold_seconds,
            average_latency_seconds=step.mean_seconds,
            buckets=(),
            pods=(),
            queue_growth_per_second=0.0,
            scraped_pods=0,
        )
        for step in steps
        if step.mean_seconds is not None
    ]


def _capacity(windows: Sequence[Traffic], workload: Workload, spec: FastAPITuningSpec, now: datetime) -> PodCapacity:
    """By the law itself: the last window, and what it would have learned from those before."""
    if not windows:
        return _UNKNOWN
    services = (service_seconds_now(each, spec.objectives) for each in windows)
    computing = (cpu_seconds_now(each) for each in windows)
    learned = Learned(
        service_samples=_samples([min((each for each in services if each), default=None)], now),
        cpu_samples=_samples([*computing][-_MOST_SAMPLES:], now),
    )
    return capacity_of(windows[-1], workload, spec.objectives, learned)


_UNKNOWN = PodCapacity(
    service_seconds=None,
    service_tail_seconds=None,
    cpu_seconds_per_request=None,
    threads=None,
    thread_safe_per_second=None,
    cpu_safe_per_second=None,
    thread_saturated_per_second=None,
    cpu_saturated_per_second=None,
)


def _samples(values: Sequence[float | None], now: datetime) -> tuple[Sample, ...]:
    return tuple(Sample(time=now, value=text_of(value)) for value in values if value)


def _fills_pool(capacity: PodCapacity, knee: float | None) -> bool:
    """Whether the knee keeps the pool as busy as it can be with two standard deviations of load to spare."""
    if knee is None or capacity.service_seconds is None or capacity.threads is None or computes(capacity):
        return False
    return threads_for(knee * capacity.service_seconds) > capacity.threads


def _best_threads(capacity: PodCapacity, knee: float | None, spec: FastAPITuningSpec) -> tuple[int | None, str]:
    """At the load that CPU lets a pod carry, as in control/threads.py; without CPU at the knee."""
    least, greatest = bounds_of(spec, Knob.THREADS)
    if computes(capacity):
        return least, "requests compute rather than wait: the least that the spec allows"
    rate = capacity.cpu_safe_per_second or knee
    if capacity.service_seconds is None or rate is None:
        return None, "the time that a request holds a thread is not known"
    busy = rate * capacity.service_seconds
    pool = capacity.threads or ANYIO_THREADS
    # Idle threads are free, so a pool that does is left alone, as the law leaves it.
    needed = pool if pool >= threads_for(busy) else roomy_pool(busy)
    by = "what CPU lets a pod carry" if capacity.cpu_safe_per_second else "the knee; CPU per request is not known"
    told = f"{busy:.1f} threads busy at {rate:.1f} requests/s × {1000 * capacity.service_seconds:.0f} ms ({by})"
    if needed > greatest:
        return greatest, f"{told}: {needed}, and the spec allows {greatest}"
    return max(least, needed), told
