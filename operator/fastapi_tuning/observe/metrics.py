"""Reads the signals of all targets of a cycle in a handful of queries, all evaluated at the same moment."""

import math
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from string import Template

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import CustomQueries, Metrics, MetricsSource
from fastapi_tuning.control.observation import NoData, NoTraffic, Signals, Traffic
from fastapi_tuning.errors import ClocksDiffer, MetricsUnavailable, QueryBudgetSpent, QueryNotConfined
from fastapi_tuning.observe import queries
from fastapi_tuning.observe.confinement import confined
from fastapi_tuning.observe.presets import PRESETS, Preset, preset_of
from fastapi_tuning.observe.prometheus import PrometheusReader, Sample, UntilSilent, WithinBudget
from fastapi_tuning.observe.signals import (
    LARGEST_VALUE,
    PodKey,
    PodSamples,
    is_plausible,
    noticeable,
    signals_of,
)

CUSTOM_BUDGET_SECONDS = 10.0
"""For all custom queries of a cycle together; with the last one let end (5 s), a cycle stays well below a minute."""

_FRESH_SECONDS = 60
"""For custom queries, whose scrapes nobody knows: as far back as their own window reaches by default."""
_RECENT_SECONDS = 30
"""Two scrape periods of 15 s; pods that are scraped less often have no recent rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsTarget:
    """A workload as Prometheus can find it. `key` is the caller's; `pods` are the ready ones."""

    key: tuple[str, str]
    pods: frozenset[PodKey]
    metrics: Metrics
    threshold_seconds: float


def read_signals(
    reader: PrometheusReader,
    targets: Iterable[MetricsTarget],
    at: datetime,
    clock: Callable[[], float] = time.monotonic,
) -> dict[tuple[str, str], Signals]:
    """Signals by target key. Never raises for a Prometheus that fails: that is NoData with the reason.

    `clock` gives monotonic seconds; custom queries have a budget of them.
    """
    reader = UntilSilent(reader)
    targets = tuple(targets)
    shared = tuple(target for target in targets if target.metrics.custom is None)
    try:
        signals = _read(reader, shared, at) if shared else {}
    except MetricsUnavailable as error:
        signals = {target.key: _lost(error) for target in shared}
    return signals | _read_custom(reader, targets, at, clock)


def _lost(error: MetricsUnavailable) -> NoData:
    reason = Reason.PROMETHEUS_UNREACHABLE
    if isinstance(error, QueryBudgetSpent):
        reason = Reason.QUERY_BUDGET_SPENT
    elif isinstance(error, QueryNotConfined):
        reason = Reason.QUERY_NOT_CONFINED
    elif isinstance(error, ClocksDiffer):
        reason = Reason.CLOCKS_DIFFER
    return NoData(reason=reason, message=str(error))


def _read_custom(
    reader: PrometheusReader, targets: Iterable[MetricsTarget], at: datetime, clock: Callable[[], float]
) -> dict[tuple[str, str], Signals]:
    """Custom queries share their budget by namespace, so that slow ones cost their own namespace its share first.

    The order is another one in each cycle: whoever finds nothing left does so by chance, not for ever.
    """
    by_namespace: dict[str, list[tuple[MetricsTarget, CustomQueries]]] = defaultdict(list)
    for target in targets:
        if target.metrics.custom is not None:
            by_namespace[target.key[0]].append((target, target.metrics.custom))
    asked = [target for entries in by_namespace.values() for target, _ in entries]
    try:
        scrapes = _scrapes(reader, asked, at) if asked else {}
    except MetricsUnavailable as error:
        return {target.key: _lost(error) for target in asked}
    whole = WithinBudget(reader, CUSTOM_BUDGET_SECONDS, clock)
    signals: dict[tuple[str, str], Signals] = {}
    for namespace in sorted(by_namespace, key=lambda name: _turn(at, name)):
        share = WithinBudget(whole, CUSTOM_BUDGET_SECONDS / len(by_namespace), clock)
        for target, custom in sorted(by_namespace[namespace], key=lambda asked: _turn(at, asked[0].key[1])):
            signals[target.key] = _custom_or_lost(share, target, custom, scrapes, at)
    return signals


def _turn(at: datetime, name: str) -> int:
    """A place in the queue that is another one in each cycle."""
    return zlib.crc32(f"{at.isoformat()} {name}".encode())


def _scrapes(reader: PrometheusReader, targets: Iterable[MetricsTarget], at: datetime) -> Mapping[PodKey, bool]:
    """Whether the last scrape of a pod succeeded; pods that Prometheus does not scrape itself are left out."""
    found = reader.query(queries.scrapes(_where(targets), _FRESH_SECONDS), at)
    return {sample.pod: sample.value == 1 for sample in found}


def _custom_or_lost(
    reader: PrometheusReader,
    target: MetricsTarget,
    custom: CustomQueries,
    scrapes: Mapping[PodKey, bool],
    at: datetime,
) -> Signals:
    """A query of one user that Prometheus refuses must not blind the others."""
    known = [scrapes[pod] for pod in target.pods if pod in scrapes]
    if known and not any(known):
        return NoData(reason=Reason.NOT_SCRAPED, message=f"no scrape of {len(target.pods)} ready pods succeeds")
    # Where nothing is known of any pod, the numbers come from elsewhere: a mesh, a collector.
    scraped = sum(known) if known else len(target.pods)
    try:
        return _custom(reader, target, custom, scraped, at)
    except MetricsUnavailable as error:
        return _lost(error)


def _read(reader: PrometheusReader, targets: tuple[MetricsTarget, ...], at: datetime) -> dict[tuple[str, str], Signals]:
    gauges = _gauges(reader, targets, at)
    windows: dict[int, list[MetricsTarget]] = defaultdict(list)
    for target in targets:
        windows[target.metrics.window_seconds].append(target)
    signals: dict[tuple[str, str], Signals] = {}
    for window_seconds, group in windows.items():
        signals |= _read_window(reader, group, window_seconds, gauges, at)
    return signals


def _gauges(
    reader: PrometheusReader, targets: Iterable[MetricsTarget], at: datetime
) -> Mapping[str, Mapping[PodKey, float]]:
    """By metric name. They have no window, so one query serves all targets."""
    gauges: dict[str, dict[PodKey, float]] = defaultdict(dict)
    for sample in reader.query(queries.gauges(_where(targets)), at):
        gauges[sample.metric][sample.pod] = noticeable(sample.value)
    return gauges


def _read_window(
    reader: PrometheusReader,
    targets: list[MetricsTarget],
    window_seconds: int,
    gauges: Mapping[str, Mapping[PodKey, float]],
    at: datetime,
) -> dict[tuple[str, str], Signals]:
    presence = _presence(reader, targets, window_seconds, at)
    signals: dict[tuple[str, str], Signals] = {}
    batches: dict[MetricsSource, list[MetricsTarget]] = defaultdict(list)
    for target in targets:
        if target.pods & presence.copied:
            signals[target.key] = _copied(target, presence)
        elif (source := _source(target, presence)) is None:
            signals[target.key] = _unknown_source(target, presence)
        else:
            batches[source].append(target)
    for source, batch in batches.items():
        preset = preset_of(source)
        samples = _read_batch(reader, preset, batch, window_seconds, presence, gauges, at)
        for target in batch:
            signals[target.key] = signals_of(
                target.pods,
                samples,
                preset,
                window_seconds=window_seconds,
                threshold_seconds=target.threshold_seconds,
            )
    return signals


@dataclass(frozen=True, slots=True, kw_only=True)
class _Presence:
    """What Prometheus saw of the pods lately."""

    exporting: Mapping[str, frozenset[PodKey]]
    """By the histogram they export."""
    scraped: frozenset[PodKey]
    """Pods whose last scrape succeeded, whatever they export."""
    copied: frozenset[PodKey]
    """Pods of which Prometheus holds the same page several times."""

    def of(self, preset: Preset) -> frozenset[PodKey]:
        return self.exporting.get(f"{preset.histogram}_count", frozenset())

    def unserved(self, wanted: Preset) -> frozenset[PodKey]:
        """Scraped pods without any histogram; the agent's says nothing about what a library will export."""
        telling = [each for each in PRESETS if each.source is not MetricsSource.AGENT or each is wanted]
        return self.scraped.difference(*map(self.of, telling))


def _presence(
    reader: PrometheusReader, targets: Iterable[MetricsTarget], window_seconds: int, at: datetime
) -> _Presence:
    """Seen in the newer half of the window: rates alone would go on for a whole window after the last scrape."""
    found: dict[str, set[PodKey]] = defaultdict(set)
    for sample in reader.query(queries.presence(_where(targets), window_seconds // 2), at):
        found[sample.labels.get(queries.MEASURE) or sample.metric].add(sample.pod)
    scraped, copied = (frozenset(found.pop(name, ())) for name in (queries.UP, queries.COPIES))
    exporting = {name: frozenset(pods) for name, pods in found.items()}
    return _Presence(exporting=exporting, scraped=scraped, copied=copied)


def _where(targets: Iterable[MetricsTarget]) -> str:
    return queries.selector(target.key[0] for target in targets)


def _source(target: MetricsTarget, presence: _Presence) -> MetricsSource | None:
    if target.metrics.source is not MetricsSource.AUTO:
        return target.metrics.source
    for preset in PRESETS:
        if target.pods & presence.of(preset):
            return preset.source
    return None


def _copied(target: MetricsTarget, presence: _Presence) -> NoData:
    return NoData(
        reason=Reason.DUPLICATE_SERIES,
        message=(
            f"Prometheus holds the series of {len(target.pods & presence.copied)} of {len(target.pods)} pods several "
            "times under one job and instance: two Prometheus without deduplication, or a scrape for each container?"
        ),
    )


def _unknown_source(target: MetricsTarget, presence: _Presence) -> NoData:
    if not target.pods:
        return NoData(reason=Reason.TARGET_NOT_READY, message="no pod is ready")
    if not target.pods & presence.scraped:
        return NoData(
            reason=Reason.NOT_SCRAPED,
            message=f"no fresh sample of {len(target.pods)} ready pods: are they scraped, as namespace and pod?",
        )
    known = ", ".join(preset.histogram for preset in PRESETS)
    return NoData(
        reason=Reason.SOURCE_UNKNOWN,
        message=(
            f"none of the {len(target.pods)} ready pods exports a histogram that a preset knows ({known}); "
            "some libraries export theirs from the first request on"
        ),
    )


def _read_batch(
    reader: PrometheusReader,
    preset: Preset,
    batch: list[MetricsTarget],
    window_seconds: int,
    presence: _Presence,
    gauges: Mapping[str, Mapping[PodKey, float]],
    at: datetime,
) -> PodSamples:
    where = _where(batch)
    return PodSamples(
        fresh=presence.of(preset),
        unserved=presence.unserved(preset),
        buckets=_buckets(reader.query(queries.buckets(preset, where, window_seconds), at)),
        latency_sums=_by_pod(reader.query(queries.latency_sum(preset, where, window_seconds), at)),
        failed=_by_pod(reader.query(queries.failed(preset, where, window_seconds), at)),
        cpu=_by_pod(reader.query(queries.cpu(where, window_seconds), at)),
        started=_by_pod(reader.query(queries.started(where, window_seconds), at)),
        shed=_by_pod(reader.query(queries.shed(where, window_seconds), at)),
        recent=_by_pod(reader.query(queries.served(preset, where, _RECENT_SECONDS), at)),
        thread_seconds=_by_pod(reader.query(queries.thread_seconds(where, window_seconds), at)),
        gauges=gauges,
    )


def _by_pod(samples: Iterable[Sample]) -> dict[PodKey, float]:
    """A second row for the same pod is none that our queries can have: neither is believed."""
    found: dict[PodKey, float] = {}
    for sample in samples:
        found[sample.pod] = math.nan if sample.pod in found else noticeable(sample.value)
    return found


def _buckets(samples: Iterable[Sample]) -> dict[PodKey, dict[float, float]]:
    """`le` is compared as a number: libraries write the same edge as "5" and "5.0".

    A series named like a bucket that has no edge is none: any pod of the namespace may export such a thing.
    """
    found: dict[PodKey, dict[float, float]] = defaultdict(dict)
    for sample in samples:
        if (edge := _edge(sample)) is not None:
            # The same edge written in two ways stands on two pages of the pod: the largest counts, as anywhere.
            found[sample.pod][edge] = max(noticeable(sample.value), found[sample.pod].get(edge, 0.0))
    return found


def _edge(sample: Sample) -> float | None:
    try:
        edge = float(sample.labels.get("le", ""))
    except ValueError:
        return None
    return None if math.isnan(edge) else edge


def _custom(
    reader: PrometheusReader, target: MetricsTarget, custom: CustomQueries, scraped_pods: int, at: datetime
) -> Signals:
    names = ("requests_per_second", "fast_per_second", "failed_per_second", "average_latency_seconds")
    texts = (
        custom.requests_per_second,
        custom.fast_requests_per_second,
        custom.failed_requests_per_second,
        custom.average_latency_seconds,
    )
    values: dict[str, float] = {}
    for name, text in zip(names, texts, strict=True):
        promql = Template(text).safe_substitute(
            window=f"{target.metrics.window_seconds}s", threshold=str(target.threshold_seconds)
        )
        samples = reader.query(confined(promql, target.key[0]), at)
        if len(samples) != 1:
            return NoData(
                reason=Reason.UNUSABLE_SAMPLES, message=f"{len(samples)} series where one is expected: {promql}"
            )
        values[name] = noticeable(samples[0].value)
    if values["requests_per_second"] == 0:
        return NoTraffic(source=MetricsSource.CUSTOM, scraped_pods=scraped_pods)
    if not all(map(is_plausible, values.values())):
        return NoData(
            reason=Reason.UNUSABLE_SAMPLES,
            message=f"a custom query gave NaN, a negative value or one above {LARGEST_VALUE:.0e}",
        )
    return Traffic(
        source=MetricsSource.CUSTOM,
        window_seconds=target.metrics.window_seconds,
        edge_seconds=target.threshold_seconds,
        buckets=(),
        pods=(),
        queue_growth_per_second=0.0,
        scraped_pods=scraped_pods,
        **{**values, "failed_per_second": min(values["failed_per_second"], values["requests_per_second"])},
    )
