"""Prometheus as the simulated cluster has it: counters sampled each scrape period, and `rate()` over what was sampled.

`rate()` is Prometheus's own (`extrapolatedRate` in promql/functions.go): it needs two samples in the window, divides
the increase between the first and the last by the window, and extrapolates to the window's ends, at most by half a
sampling interval if a sample is missing there, and never below zero.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastapi_tuning.api.spec import MetricsSource
from fastapi_tuning.control.observation import Signals
from fastapi_tuning.observe.presets import preset_of
from fastapi_tuning.observe.signals import PodKey, PodSamples, signals_of
from fastapi_tuning.simulate.arrays import Pod

# prometheus-fastapi-instrumentator 8, `http_request_duration_highr_seconds`
_INSTRUMENTATOR_EDGES = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 7.5, 10.0),
    *(30.0, 60.0),
)
_PRESET = preset_of(MetricsSource.FASTAPI_INSTRUMENTATOR)
_NAMESPACE = "simulated"
_COUNTERS = ("started", "latency_seconds", "errors", "cpu_seconds", "refused", "thread_seconds")
_GAUGES: Mapping[str, str] = {
    "fastapi_tuning_thread_pool_limit": "threads",
    "fastapi_tuning_thread_pool_busy": "busy",
    "fastapi_tuning_thread_pool_waiting": "waiting_threads",
}
"""Metric → field of the pod's record."""
_EXTRAPOLATION_THRESHOLD = 1.1

Floats = NDArray[np.float64]


def latency_edges(objective_seconds: float) -> tuple[float, ...]:
    """Finite upper edges of the histogram: the instrumentator's, and the objective."""
    return tuple(sorted({*_INSTRUMENTATOR_EDGES, objective_seconds}))


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusModel:
    """How late and how incomplete the metrics are."""

    scrape_period_seconds: int = 5
    window_seconds: int = 60
    """Of `rate()` in the views that scalers get."""
    delay_seconds: float = 1.0
    """From a scrape until its samples can be queried."""
    missing_ratio: float = 0.0
    """Share of the scrapes (0 to 1) that fail."""


@dataclass(slots=True)
class _Series:
    """Samples of one pod: a row for each scrape."""

    times: list[float] = field(default_factory=list)
    counters: list[Floats] = field(default_factory=list)
    gauges: list[tuple[float, ...]] = field(default_factory=list)


class Prometheus:
    """Samples pods and answers queries about them."""

    def __init__(self, model: PrometheusModel, edges: tuple[float, ...], rng: np.random.Generator) -> None:
        self._model, self._edges, self._rng = model, edges, rng
        self._series: dict[str, _Series] = {}
        self._offsets: dict[str, int] = {}

    def due(self, pod: str, second: int) -> bool:
        """Whether the pod is to be scraped in this second; each pod has its own place in the period."""
        period = self._model.scrape_period_seconds
        offset = self._offsets.setdefault(pod, int(self._rng.integers(period)))
        return second % period == offset

    def scrape(self, name: str, pod: Pod, buckets: Floats, now: float) -> None:
        """Sample the pod, or fail to."""
        if self._rng.random() < self._model.missing_ratio:
            return
        series = self._series.setdefault(name, _Series())
        series.times.append(now)
        series.counters.append(np.array([*buckets, *(getattr(pod, counter) for counter in _COUNTERS)]))
        series.gauges.append(tuple(float(getattr(pod, gauge)) for gauge in _GAUGES.values()))

    def samples(self, pods: Iterable[str], now: float, window_seconds: int) -> PodSamples:
        """What the operator's queries give for these pods at this time; pods with too few samples are absent."""
        rates = {pod: rate for pod in pods if (rate := self._rate(pod, now, window_seconds)) is not None}
        edges, first = (*self._edges, np.inf), len(self._edges) + 1
        by_counter = {
            name: {_key(pod): float(rate[first + place]) for pod, rate in rates.items()}
            for place, name in enumerate(_COUNTERS)
        }
        last = {pod: self._visible(pod, now) - 1 for pod in rates}
        gauges = {pod: self._series[pod].gauges[place] for pod, place in last.items()}
        newest = {pod: self._series[pod].times[place] for pod, place in last.items()}
        return PodSamples(
            fresh=frozenset(_key(pod) for pod, time in newest.items() if now - time <= window_seconds / 2),
            # Simulated apps export their histogram from the start.
            unserved=frozenset(),
            buckets={_key(pod): dict(zip(edges, map(float, rate[:first]), strict=True)) for pod, rate in rates.items()},
            latency_sums=by_counter["latency_seconds"],
            failed=by_counter["errors"],
            cpu=by_counter["cpu_seconds"],
            started=by_counter["started"],
            # The law under test is given these two apart from the samples.
            shed={},
            recent={},
            thread_seconds=by_counter["thread_seconds"],
            gauges={
                metric: {_key(pod): values[place] for pod, values in gauges.items()}
                for place, metric in enumerate(_GAUGES)
            },
        )

    def shed_per_second(self, pods: Iterable[str], now: float, window_seconds: int) -> float:
        """Requests refused by the pods' admission, which their own histograms do not show."""
        place = len(self._edges) + 1 + _COUNTERS.index("refused")
        rates = (self._rate(pod, now, window_seconds) for pod in pods)
        return sum(float(rate[place]) for rate in rates if rate is not None)

    def served_per_second(self, pod: str, now: float, window_seconds: int) -> float | None:
        """Rate of answered requests; None: fewer than two samples."""
        rate = self._rate(pod, now, window_seconds)
        return None if rate is None else float(rate[len(self._edges)])

    def _visible(self, pod: str, now: float) -> int:
        """Number of samples that can be queried already."""
        return bisect_right(self._series[pod].times, now - self._model.delay_seconds)

    def _rate(self, pod: str, now: float, window_seconds: int) -> Floats | None:
        series = self._series.get(pod)
        if series is None:
            return None
        end = self._visible(pod, now)
        start = bisect_left(series.times, now - window_seconds)
        if end - start < 2:
            return None
        return extrapolated_rate(
            series.times[start:end], series.counters[start], series.counters[end - 1], now, window_seconds
        )


def extrapolated_rate(times: list[float], first: Floats, last: Floats, now: float, window_seconds: float) -> Floats:
    """Prometheus's `rate()` of counters without resets, sampled at `times` (two or more) in the window up to `now`."""
    increase = last - first
    sampled = times[-1] - times[0]
    interval = sampled / (len(times) - 1)
    to_start, to_end = times[0] - (now - window_seconds), now - times[-1]
    threshold = _EXTRAPOLATION_THRESHOLD * interval
    before = np.full_like(increase, to_start if to_start < threshold else interval / 2)
    growing = increase > 0
    before[growing] = np.minimum(before[growing], sampled * first[growing] / increase[growing])
    after = to_end if to_end < threshold else interval / 2
    return increase * (sampled + before + after) / sampled / window_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Scraped:
    """What can be asked of Prometheus and of the API server at one moment."""

    prometheus: Prometheus
    now_seconds: float
    ready_pods: tuple[str, ...]
    template_hash: str
    rollout_in_progress: bool

    def signals(self, *, window_seconds: int, threshold_seconds: float) -> Signals:
        """What the operator would make of it: the same judgement over the same kind of samples."""
        return signals_of(
            frozenset(map(_key, self.ready_pods)),
            self.prometheus.samples(self.ready_pods, self.now_seconds, window_seconds),
            _PRESET,
            window_seconds=window_seconds,
            threshold_seconds=threshold_seconds,
        )

    def shed_per_second(self, window_seconds: int) -> float:
        """Requests that admission refused, over all pods."""
        return self.prometheus.shed_per_second(self.ready_pods, self.now_seconds, window_seconds)


def _key(pod: str) -> PodKey:
    return _NAMESPACE, pod
