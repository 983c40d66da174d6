"""Samples → Signals: the judgement whether what Prometheus said is traffic, silence, or nothing to rely on. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.observation import LatencyBucket, NoData, NoTraffic, PodTraffic, Signals, Traffic
from fastapi_tuning.observe.presets import Preset

PodKey = tuple[str, str]
"""(namespace, pod)"""
ByPod = Mapping[PodKey, float]

_SMALLEST_VALUE = 1e-9
"""A request in thirty years, a nanosecond: rounding, and nothing to divide by."""
LARGEST_VALUE = 1e9
"""Rates, seconds, threads and connections of one pod are far below; what is above is a mistake of who exported it."""


def is_plausible(value: float) -> bool:
    """Whether a sample can be a rate, a time or a count at all; NaN, infinity and negative numbers cannot."""
    return 0 <= value <= LARGEST_VALUE


def noticeable(value: float) -> float:
    """The sample, or 0 for a trace of one."""
    return 0.0 if 0 < value < _SMALLEST_VALUE else value


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSamples:
    """The answers of one batch. A pod that is absent from a mapping does not export that signal."""

    fresh: frozenset[PodKey]
    """Pods with a recent sample of the histogram."""
    unserved: frozenset[PodKey]
    """Pods that are scraped and have no histogram of a library: if no agent contradicts, they have not served yet."""
    buckets: Mapping[PodKey, Mapping[float, float]]
    """Upper edge in the histogram's own unit → cumulative requests per second."""
    latency_sums: ByPod
    failed: ByPod
    cpu: ByPod
    started: ByPod
    """Requests that arrived, those that were shed among them."""
    shed: ByPod
    recent: ByPod
    """Requests per second of the last seconds only."""
    thread_seconds: ByPod
    gauges: Mapping[str, ByPod]
    """By metric name."""


def signals_of(
    pods: frozenset[PodKey], samples: PodSamples, preset: Preset, *, window_seconds: int, threshold_seconds: float
) -> Signals:
    """What the samples say about one workload, given its ready pods."""
    serving = sorted(pods & samples.fresh & samples.buckets.keys())
    if not serving:
        return NoData(
            reason=Reason.NOT_SCRAPED, message=f"no fresh samples of {preset.histogram} for {len(pods)} ready pods"
        )
    scraped = sorted({*serving, *(pod for pod in pods & samples.unserved if not samples.started.get(pod))})
    if not _all_usable(scraped, serving, samples):
        return NoData(
            reason=Reason.UNUSABLE_SAMPLES,
            message=f"samples are NaN, negative or above {LARGEST_VALUE:.0e}, or a histogram has no +Inf",
        )
    merged = _merged_buckets(serving, samples, preset)
    total = merged[-1].requests_per_second
    if total <= _SMALLEST_VALUE:
        return NoTraffic(source=preset.source, scraped_pods=len(scraped))
    edges = [bucket for bucket in merged if 0 < bucket.upper_seconds <= threshold_seconds + 1e-9]
    if not edges:
        return NoData(
            reason=Reason.BUCKET_MISSING,
            message=f"smallest bucket edge of {preset.histogram} is above {threshold_seconds * 1000:.0f} ms",
        )
    return Traffic(
        source=preset.source,
        window_seconds=window_seconds,
        requests_per_second=total,
        failed_per_second=min(total, sum(samples.failed.get(pod, 0.0) for pod in scraped)),
        fast_per_second=edges[-1].requests_per_second,
        edge_seconds=edges[-1].upper_seconds,
        average_latency_seconds=(
            sum(samples.latency_sums.get(pod, 0.0) for pod in scraped) * preset.seconds_per_unit / total
        ),
        buckets=merged,
        pods=tuple(_pod_traffic(pod, samples) for pod in scraped),
        queue_growth_per_second=_queue_growth(scraped, samples),
        scraped_pods=len(scraped),
        recent_per_second=_recent(serving, samples),
        shed_per_second=_shed(scraped, samples),
    )


def with_ages(signals: Signals, ready_since: Mapping[PodKey, datetime], namespace: str, now: datetime) -> Signals:
    """The signals with the time for which each pod has been ready; clocks differ, so no time is below zero."""
    if not isinstance(signals, Traffic):
        return signals
    return replace(signals, pods=tuple(_aged(pod, ready_since.get((namespace, pod.pod)), now) for pod in signals.pods))


def _aged(pod: PodTraffic, since: datetime | None, now: datetime) -> PodTraffic:
    return pod if since is None else replace(pod, ready_seconds=max(0.0, (now - since).total_seconds()))


def _all_usable(scraped: list[PodKey], serving: list[PodKey], samples: PodSamples) -> bool:
    single = (
        samples.latency_sums,
        samples.failed,
        samples.cpu,
        samples.started,
        samples.shed,
        samples.recent,
        samples.thread_seconds,
    )
    values = [mapping[pod] for mapping in (*single, *samples.gauges.values()) for pod in scraped if pod in mapping]
    values += [rate for pod in serving for rate in samples.buckets[pod].values()]
    return all(map(is_plausible, values)) and all(math.inf in samples.buckets[pod] for pod in serving)


def _merged_buckets(pods: list[PodKey], samples: PodSamples, preset: Preset) -> tuple[LatencyBucket, ...]:
    """Sum over the pods, at the edges that all of them have (edges differ while two versions run side by side)."""
    common = set.intersection(*(set(samples.buckets[pod]) for pod in pods))
    return tuple(
        LatencyBucket(
            upper_seconds=edge * preset.seconds_per_unit,
            requests_per_second=sum(samples.buckets[pod][edge] for pod in pods),
        )
        for edge in sorted(common)
    )


def _pod_traffic(pod: PodKey, samples: PodSamples) -> PodTraffic:
    served = _served(pod, samples)
    held = samples.thread_seconds.get(pod)

    def gauge(metric: str) -> float | None:
        return samples.gauges.get(metric, {}).get(pod)

    limit, resident = gauge("fastapi_tuning_thread_pool_limit"), gauge("fastapi_tuning_process_resident_memory_bytes")
    return PodTraffic(
        pod=pod[1],
        served_per_second=served,
        cpu_cores=samples.cpu.get(pod),
        threads=None if limit is None else round(limit),
        threads_busy=gauge("fastapi_tuning_thread_pool_busy"),
        threads_waiting=gauge("fastapi_tuning_thread_pool_waiting"),
        thread_seconds_per_request=held / served if held and served > 0 else None,
        requests_in_flight=gauge("fastapi_tuning_requests_in_flight"),
        open_connections=gauge("fastapi_tuning_connections"),
        resident_bytes=gauge("process_resident_memory_bytes") if resident is None else resident,
        sums_workers=resident is not None,
    )


def _served(pod: PodKey, samples: PodSamples) -> float:
    return samples.buckets[pod][math.inf] if pod in samples.fresh else 0.0


def _queue_growth(pods: list[PodKey], samples: PodSamples) -> float:
    """Arrivals less completions and refusals; 0 where no agent counts arrivals."""
    counted = [pod for pod in pods if pod in samples.started]
    return sum(samples.started[pod] - _served(pod, samples) - samples.shed.get(pod, 0.0) for pod in counted)


def _shed(pods: list[PodKey], samples: PodSamples) -> float | None:
    """None where no agent could refuse; a pod that has refused nothing yet does not export the counter."""
    counted = [pod for pod in pods if pod in samples.started]
    return sum(samples.shed.get(pod, 0.0) for pod in counted) if counted else None


def _recent(serving: list[PodKey], samples: PodSamples) -> float | None:
    """None unless every pod has the two samples that a rate takes."""
    return sum(samples.recent[pod] for pod in serving) if samples.recent.keys() >= set(serving) else None
