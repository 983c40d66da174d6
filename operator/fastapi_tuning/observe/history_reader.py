"""Reads the past of one Deployment from Prometheus, a bounded number of points at a time."""

from collections.abc import Iterable
from dataclasses import dataclass

from fastapi_tuning.api.spec import Metrics, MetricsSource
from fastapi_tuning.errors import NoHistory
from fastapi_tuning.observe import queries
from fastapi_tuning.observe.history import Moment, RangeSamples, Values, moments_of
from fastapi_tuning.observe.presets import PRESETS, Preset, preset_of
from fastapi_tuning.observe.prometheus import PrometheusRangeReader, Series

POINTS_PER_QUERY = 1000
_POINTS_TO_FIND_A_SOURCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """`points` moments, `step_seconds` apart; the last one at Unix time `last_seconds`."""

    last_seconds: int
    points: int
    step_seconds: int

    @property
    def first_seconds(self) -> int:
        return self.last_seconds - (self.points - 1) * self.step_seconds

    @property
    def times(self) -> range:
        return range(self.first_seconds, self.last_seconds + 1, self.step_seconds)

    def chunks(self, points: int = POINTS_PER_QUERY) -> tuple["TimeRange", ...]:
        """The same moments in ranges of at most so many points, in order."""
        parts = (self.times[begin : begin + points] for begin in range(0, self.points, points))
        return tuple(
            TimeRange(last_seconds=part[-1], points=len(part), step_seconds=self.step_seconds) for part in parts
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTarget:
    """The Deployment, and how its metrics are to be judged."""

    namespace: str
    deployment: str
    metrics: Metrics
    threshold_seconds: float

    @property
    def where(self) -> str:
        return queries.deployment_selector(self.namespace, self.deployment)


def read_preset(reader: PrometheusRangeReader, target: HistoryTarget, span: TimeRange) -> Preset:
    """How the pods of that time exported their metrics: as the object says, or the first preset that was seen.

    Raises:
        NoHistory: no pod was seen, none with a histogram that is known, or the object has queries of its own.
        MetricsUnavailable: Prometheus gave no usable answer.
    """
    if target.metrics.custom is not None:
        raise NoHistory("spec.metrics.custom: such queries give no histogram, and without it nothing can be replayed")
    step_seconds = max(span.step_seconds, (span.last_seconds - span.first_seconds) // _POINTS_TO_FIND_A_SOURCE)
    found = reader.query_range(
        queries.exported(target.where),
        first_seconds=span.first_seconds,
        last_seconds=span.last_seconds,
        step_seconds=step_seconds,
    )
    names = {series.labels["__name__"] for series in found}
    place = f"pods of Deployment {target.deployment} in namespace {target.namespace}"
    if not names:
        raise NoHistory(f"Prometheus has no samples of {place} in that time: are they scraped, as namespace and pod?")
    source = target.metrics.source
    wanted = PRESETS if source is MetricsSource.AUTO else (preset_of(source),)
    for preset in wanted:
        if f"{preset.histogram}_count" in names:
            return preset
    known = ", ".join(preset.histogram for preset in wanted)
    raise NoHistory(f"{place} were scraped, and none of them exported {known}")


def read_moments(
    reader: PrometheusRangeReader, target: HistoryTarget, preset: Preset, span: TimeRange
) -> tuple[Moment, ...]:
    """The moments of a range, each over the step before it.

    Raises:
        MetricsUnavailable: Prometheus gave no usable answer.
    """
    where, step_seconds = target.where, span.step_seconds

    def ask(promql: str) -> tuple[Series, ...]:
        return reader.query_range(
            promql, first_seconds=span.first_seconds, last_seconds=span.last_seconds, step_seconds=step_seconds
        )

    samples = RangeSamples(
        buckets={
            float(series.labels["le"]): series.values
            for series in ask(queries.total(queries.buckets(preset, where, step_seconds), "le"))
        },
        latency_sum=_only(ask(queries.total(queries.latency_sum(preset, where, step_seconds)))),
        failed=_only(ask(queries.total(queries.failed(preset, where, step_seconds)))),
        cpu=_only(ask(queries.total(queries.cpu(where, step_seconds)))),
        queue_growth=_only(ask(queries.queue_growth(preset, where, step_seconds))),
        pods=_only(ask(queries.seen_pods(preset, where))),
        threads=_only(ask(queries.threads_per_pod(where))),
    )
    return tuple(
        moments_of(span.times, samples, preset, step_seconds=step_seconds, threshold_seconds=target.threshold_seconds)
    )


def _only(series: Iterable[Series]) -> Values:
    """The one series of a sum; a sum over nothing has none."""
    return next((each.values for each in series), {})
