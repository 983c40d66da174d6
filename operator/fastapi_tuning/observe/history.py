"""Range samples → what the service did, step by step: the operator's own judgement on each moment of the past. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fastapi_tuning.control.observation import Signals
from fastapi_tuning.observe.presets import Preset
from fastapi_tuning.observe.signals import PodKey, PodSamples, signals_of

Values = Mapping[int, float]
"""Unix time → value; a time without a sample is absent."""

_ALL_PODS: PodKey = ("", "all pods")
"""History is summed over the pods by Prometheus: a week of ten pods would be millions of samples otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeSamples:
    """What range queries gave, summed over the pods; rates are per second, each over the step before its time."""

    buckets: Mapping[float, Values]
    """By upper edge in the histogram's own unit; cumulative."""
    latency_sum: Values
    failed: Values
    cpu: Values
    queue_growth: Values
    pods: Values
    threads: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The service in the step that ends at a Unix time."""

    unix_seconds: int
    signals: Signals
    """As if all pods were one. NoData is a gap in the history."""
    pods: int | None
    """That could be scraped at the end of the step; None: nobody knows."""
    threads_per_pod: float | None
    """None without the agent."""


def moments_of(
    times: Iterable[int], samples: RangeSamples, preset: Preset, *, step_seconds: int, threshold_seconds: float
) -> Iterator[Moment]:
    """One moment for each time, gaps included."""
    for time in times:
        pods = samples.pods.get(time)
        yield Moment(
            unix_seconds=time,
            signals=signals_of(
                frozenset({_ALL_PODS}),
                _samples_at(time, samples),
                preset,
                window_seconds=step_seconds,
                threshold_seconds=threshold_seconds,
            ),
            pods=round(pods) if pods else None,
            threads_per_pod=samples.threads.get(time),
        )


def _samples_at(time: int, samples: RangeSamples) -> PodSamples:
    buckets = {edge: values[time] for edge, values in samples.buckets.items() if time in values}
    present = math.inf in buckets
    growth = _of_all(samples.queue_growth, time)
    return PodSamples(
        fresh=frozenset({_ALL_PODS}) if present else frozenset(),
        unserved=frozenset(),
        buckets={_ALL_PODS: buckets} if present else {},
        latency_sums=_of_all(samples.latency_sum, time),
        failed=_of_all(samples.failed, time),
        cpu=_of_all(samples.cpu, time),
        started={pod: buckets[math.inf] + value for pod, value in growth.items()} if present else {},
        shed={},
        recent={},
        thread_seconds={},
        gauges={},
    )


def _of_all(values: Values, time: int) -> dict[PodKey, float]:
    return {_ALL_PODS: values[time]} if time in values else {}
