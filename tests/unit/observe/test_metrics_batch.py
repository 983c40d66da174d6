"""All targets of a cycle in a handful of queries, whatever Prometheus answers."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Metrics, MetricsSource
from fastapi_tuning.control.observation import NoData, NoTraffic, Signals, Traffic
from fastapi_tuning.errors import MetricsUnavailable, PrometheusSilent
from fastapi_tuning.observe.metrics import MetricsTarget, read_signals
from fastapi_tuning.observe.presets import PRESETS, Preset, preset_of
from fastapi_tuning.observe.prometheus import Sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Answer = Callable[[str], tuple[Sample, ...]]


@dataclass
class FakePrometheus:
    """Answers each query by a function and keeps what was asked."""

    answer: Answer
    asked: list[tuple[str, datetime]] = field(default_factory=list)

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        self.asked.append((promql, at))
        return self.answer(promql)


def unreachable(promql: str) -> tuple[Sample, ...]:
    raise MetricsUnavailable("connection refused")


def silent(promql: str) -> tuple[Sample, ...]:
    raise PrometheusSilent("no answer within 5 s")


def sample(value: float, **labels: str) -> Sample:
    return Sample(labels=labels, value=value)


def exporting(preset: Preset, *pods: tuple[str, str], edges: tuple[str, ...] = ("0.5", "+Inf")) -> Answer:
    """Pods that serve 10 requests/s and export one preset; edges are in the unit of the preset."""
    scaled = [edge if edge == "+Inf" else f"{float(edge) / preset.seconds_per_unit:g}" for edge in edges]
    shown = edges if preset.seconds_per_unit == 1 else scaled

    def answer(promql: str) -> tuple[Sample, ...]:
        seen = [pod for pod in pods if re.search(rf'namespace=~"([^"]*\|)?{pod[0]}(\|[^"]*)?"', promql)]
        if promql.startswith("count by"):
            name = f"{preset.histogram}_count"
            assert name in promql
            return tuple(sample(1, namespace=space, pod=pod, __name__=name) for space, pod in seen)
        if f"rate({preset.histogram}_bucket{{" in promql:
            return tuple(sample(10, namespace=space, pod=pod, le=edge) for space, pod in seen for edge in shown)
        if f"rate({preset.histogram}_sum{{" in promql:
            return tuple(sample(1 / preset.seconds_per_unit, namespace=space, pod=pod) for space, pod in seen)
        if f"rate({preset.counter}{{" in promql and preset.failed_matcher in promql:
            return tuple(sample(2, namespace=space, pod=pod) for space, pod in seen)
        if promql.startswith("max by (namespace, pod, __name__)"):
            name = "fastapi_tuning_thread_pool_limit"
            return tuple(sample(40, namespace=space, pod=pod, __name__=name) for space, pod in seen)
        if "process_cpu_seconds_total" in promql:
            return tuple(sample(0.3, namespace=space, pod=pod) for space, pod in seen)
        return ()

    return answer


def both(*answers: Answer) -> Answer:
    """What all of them give; a series that two have is one."""

    def answer(promql: str) -> tuple[Sample, ...]:
        found = {tuple(sorted(each.labels.items())): each for one in answers for each in one(promql)}
        return tuple(found.values())

    return answer


def target(name: str = "checkout", *pods: str, namespace: str = "shop", **metrics: Any) -> MetricsTarget:
    return MetricsTarget(
        key=(namespace, name),
        pods=frozenset((namespace, pod) for pod in pods or (f"{name}-1",)),
        metrics=Metrics.model_validate(metrics),
        threshold_seconds=0.5,
    )


def only(answer: Answer, one: MetricsTarget) -> Signals:
    return read_signals(FakePrometheus(answer), [one], NOW)[one.key]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.source)
def test_the_library_of_a_target_is_found_by_the_histogram_its_pods_export(preset: Preset) -> None:
    found = only(exporting(preset, ("shop", "checkout-1")), target())

    assert isinstance(found, Traffic)
    assert found.source is preset.source
    assert found.requests_per_second == pytest.approx(10.0)
    assert found.failed_per_second == pytest.approx(2.0)
    assert found.edge_seconds == pytest.approx(0.5)
    assert found.average_latency_seconds == pytest.approx(0.1)
    assert found.pods[0].threads == 40
    assert found.pods[0].cpu_cores == pytest.approx(0.3)


@pytest.mark.parametrize("written", ["5", "5.0"])
def test_an_edge_is_a_number_however_it_is_written(written: str) -> None:
    one = MetricsTarget(
        key=("shop", "checkout"),
        pods=frozenset({("shop", "checkout-1")}),
        metrics=Metrics(),
        threshold_seconds=5.0,
    )

    found = only(exporting(PRESETS[0], ("shop", "checkout-1"), edges=("0.5", written, "+Inf")), one)

    assert isinstance(found, Traffic)
    assert found.edge_seconds == 5.0


@pytest.mark.parametrize("label", [{}, {"le": "wide"}, {"le": "NaN"}])
@pytest.mark.parametrize("pod", ["checkout-1", "evil"])
def test_a_series_that_is_named_like_a_bucket_and_has_no_edge_changes_nothing(label: dict[str, str], pod: str) -> None:
    usual = exporting(PRESETS[0], ("shop", "checkout-1"))

    def answer(promql: str) -> tuple[Sample, ...]:
        also = (sample(1e12, namespace="shop", pod=pod, **label),) if "_bucket{" in promql else ()
        return usual(promql) + also

    assert only(answer, target()) == only(usual, target())


def test_a_named_source_is_taken_although_another_would_be_preferred() -> None:
    first, second = (exporting(preset, ("shop", "checkout-1")) for preset in PRESETS[:2])

    found = only(both(first, second), target(source=PRESETS[1].source))

    assert isinstance(found, Traffic)
    assert found.source is PRESETS[1].source


def scraped(*pods: tuple[str, str]) -> Answer:
    """Pods whose scrapes succeed and show no histogram."""

    def answer(promql: str) -> tuple[Sample, ...]:
        assert "__name__" in promql or "rate(" in promql
        if not promql.startswith("count by"):
            return ()
        assert "up{" in promql
        return tuple(sample(1, namespace=space, pod=pod, __name__="up") for space, pod in pods)

    return answer


def test_a_scraped_target_that_exports_nothing_known_is_told_what_would_be() -> None:
    found = only(scraped(("shop", "checkout-1")), target())

    assert isinstance(found, NoData)
    assert found.reason is Reason.SOURCE_UNKNOWN
    assert all(preset.histogram in found.message for preset in PRESETS)


def test_a_target_of_which_prometheus_sees_nothing_is_not_scraped() -> None:
    found = only(scraped(("shop", "other-1")), target())

    assert isinstance(found, NoData)
    assert found.reason is Reason.NOT_SCRAPED


def test_a_pod_that_has_not_served_yet_is_scraped_if_another_pod_shows_the_histogram() -> None:
    serving, fresh = exporting(PRESETS[1], ("shop", "a")), scraped(("shop", "b"))

    found = only(lambda promql: serving(promql) + fresh(promql), target("checkout", "a", "b"))

    assert isinstance(found, Traffic)
    assert found.scraped_pods == 2


def test_a_pod_with_the_histogram_of_another_library_is_not_taken_for_an_idle_one() -> None:
    answers = [
        exporting(PRESETS[0], ("shop", "a")),
        exporting(PRESETS[1], ("shop", "b")),
        scraped(("shop", "a"), ("shop", "b")),
    ]

    found = only(lambda promql: sum((each(promql) for each in answers), ()), target("checkout", "a", "b"))

    assert isinstance(found, Traffic)
    assert found.source is PRESETS[0].source
    assert found.scraped_pods == 1


def test_a_target_without_ready_pods_is_not_ready_rather_than_unknown() -> None:
    empty = MetricsTarget(key=("shop", "checkout"), pods=frozenset(), metrics=Metrics(), threshold_seconds=0.5)

    found = only(lambda promql: (), empty)

    assert isinstance(found, NoData)
    assert found.reason is Reason.TARGET_NOT_READY


def test_an_unreachable_prometheus_is_no_data_for_all() -> None:
    targets = [target("a"), target("b", source="OpenTelemetry"), target("c", **custom())]

    found = read_signals(FakePrometheus(unreachable), targets, NOW)

    assert set(found) == {each.key for each in targets}
    assert all(
        isinstance(signals, NoData) and signals.reason is Reason.PROMETHEUS_UNREACHABLE for signals in found.values()
    )


def test_the_number_of_queries_does_not_grow_with_the_number_of_targets() -> None:
    def queries_for(count: int) -> int:
        names = [f"app{index}" for index in range(count)]
        prometheus = FakePrometheus(exporting(PRESETS[0], *((name, f"{name}-1") for name in names)))
        found = read_signals(prometheus, [target(name, namespace=name) for name in names], NOW)
        assert len(found) == count
        assert all(isinstance(signals, Traffic) for signals in found.values())
        return len(prometheus.asked)

    assert queries_for(1) == queries_for(200)


def test_a_silent_prometheus_is_asked_once_and_not_once_for_each_target() -> None:
    prometheus = FakePrometheus(silent)
    targets = [target(f"app{index}", **custom()) for index in range(50)]

    found = read_signals(prometheus, [*targets, target("shared")], NOW)

    assert len(prometheus.asked) == 1
    assert {type(signals) for signals in found.values()} == {NoData}
    assert {getattr(signals, "message", "") for signals in found.values()} == {"no answer within 5 s"}
    assert {getattr(signals, "reason", "") for signals in found.values()} == {Reason.PROMETHEUS_UNREACHABLE}


def test_prometheus_is_asked_again_in_the_next_cycle() -> None:
    prometheus = FakePrometheus(silent)
    one = target(**custom())

    read_signals(prometheus, [one], NOW)
    prometheus.answer = answering()

    assert isinstance(read_signals(prometheus, [one], NOW)[one.key], Traffic)


def test_a_silence_amid_custom_queries_ends_the_asking_and_keeps_what_was_read() -> None:
    usual = answering()
    targets = [target(name, **custom()) for name in ("a", "b", "c")]
    prometheus = FakePrometheus(lambda promql: usual(promql) if len(prometheus.asked) <= 5 else silent(promql))

    found = read_signals(prometheus, targets, NOW)

    assert Counter(map(type, found.values())) == {Traffic: 1, NoData: 2}
    assert len(prometheus.asked) == 6, "the scrapes of all pods, four queries of the first object, and the silent one"


def test_the_gauges_of_the_agents_are_asked_once_for_all_windows_and_sources() -> None:
    answers = [exporting(preset, ("shop", f"{index}-1")) for index, preset in enumerate(PRESETS)]
    prometheus = FakePrometheus(lambda promql: sum((each(promql) for each in answers), ()))
    targets = [target(str(index), windowSeconds=60 + 30 * index) for index in range(len(PRESETS))]

    found = read_signals(prometheus, targets, NOW)

    seen = [pod for each in found.values() if isinstance(each, Traffic) for pod in each.pods]
    assert [pod.threads for pod in seen] == [40] * len(PRESETS)
    assert sum("__name__=~" in promql and not promql.startswith("count by") for promql, _ in prometheus.asked) == 1


def test_nothing_is_asked_for_no_targets() -> None:
    prometheus = FakePrometheus(unreachable)

    assert read_signals(prometheus, [], NOW) == {}
    assert prometheus.asked == []


def test_all_queries_of_a_cycle_are_evaluated_at_the_same_moment() -> None:
    prometheus = FakePrometheus(exporting(PRESETS[0], ("shop", "a-1")))

    read_signals(prometheus, [target("a"), target("b", **custom())], NOW)

    assert {at for _, at in prometheus.asked} == {NOW}


def test_targets_with_different_windows_are_read_over_their_own() -> None:
    prometheus = FakePrometheus(exporting(PRESETS[0], ("shop", "a-1"), ("shop", "b-1")))

    found = read_signals(prometheus, [target("a", windowSeconds=60), target("b", windowSeconds=120)], NOW)

    windows = {key: signals.window_seconds for key, signals in found.items() if isinstance(signals, Traffic)}
    assert windows == {("shop", "a"): 60, ("shop", "b"): 120}
    assert any("[120s]" in promql for promql, _ in prometheus.asked)


def test_pods_of_the_same_name_in_another_namespace_are_somebody_elses() -> None:
    found = only(exporting(PRESETS[0], ("shop", "checkout-1"), ("other", "checkout-1")), target())

    assert isinstance(found, Traffic)
    assert found.requests_per_second == pytest.approx(10.0)


def custom(**queries: str) -> dict[str, Any]:
    texts = {
        "requestsPerSecond": "rate(requests[$window])",
        "fastRequestsPerSecond": "fast{le='$threshold'}",
        "failedRequestsPerSecond": "failed",
        "averageLatencySeconds": "average",
        **queries,
    }
    return {"source": "Custom", "custom": texts}


def answering(scrapes: Mapping[str, bool] = MappingProxyType({}), /, **values: tuple[float, ...]) -> Answer:
    """Series by the first word of the query; unremarkable traffic where nothing is given.

    Args:
        scrapes: whether the last scrape succeeded, of the pods that Prometheus scrapes itself.
    """
    usual = {"requests": (10.0,), "fast": (9.0,), "failed": (0.1,), "average": (0.2,), **values}

    def answer(promql: str) -> tuple[Sample, ...]:
        if "up{" in promql:
            return tuple(sample(float(up), namespace="shop", pod=pod) for pod, up in scrapes.items())
        word = re.search("requests|fast|failed|average", promql)
        assert word is not None
        return tuple(sample(value) for value in usual[word[0]])

    return answer


def test_custom_queries_give_traffic_without_a_histogram_or_single_pods() -> None:
    found = only(answering(), target("checkout", "a", "b", **custom()))

    assert isinstance(found, Traffic)
    assert (found.requests_per_second, found.fast_per_second) == (10.0, 9.0)
    assert (found.failed_per_second, found.average_latency_seconds) == (0.1, 0.2)
    assert (found.buckets, found.pods, found.scraped_pods) == ((), (), 2)
    assert found.source is MetricsSource.CUSTOM


@pytest.mark.parametrize(
    ("scrapes", "scraped_pods"),
    [
        pytest.param({}, 2, id="not scraped by this Prometheus: not known, so none is said to be missing"),
        pytest.param({"a": True, "b": True}, 2, id="all"),
        pytest.param({"a": True}, 1, id="one is not scraped"),
        pytest.param({"a": True, "b": False}, 1, id="one scrape fails"),
        pytest.param({"a": True, "stranger": True}, 1, id="the pod of another target"),
    ],
)
@pytest.mark.parametrize("rate", [10.0, 0.0])
def test_pods_whose_scrapes_are_missing_are_missing_from_the_sum_of_a_custom_query_too(
    scrapes: dict[str, bool], scraped_pods: int, rate: float
) -> None:
    found = only(answering(scrapes, requests=(rate,)), target("checkout", "a", "b", **custom()))

    assert isinstance(found, Traffic | NoTraffic)
    assert found.scraped_pods == scraped_pods


def test_a_custom_query_about_pods_of_which_no_scrape_succeeds_is_not_believed() -> None:
    found = only(answering({"a": False, "b": False}), target("checkout", "a", "b", **custom()))

    assert isinstance(found, NoData)
    assert found.reason is Reason.NOT_SCRAPED


def test_a_prometheus_that_does_not_tell_of_its_scrapes_blinds_custom_queries() -> None:
    usual = answering()

    found = only(lambda promql: unreachable(promql) if "up{" in promql else usual(promql), target(**custom()))

    assert isinstance(found, NoData)
    assert found.reason is Reason.PROMETHEUS_UNREACHABLE


def test_custom_queries_are_given_the_window_and_the_objective() -> None:
    prometheus = FakePrometheus(answering())

    read_signals(prometheus, [target(**custom())], NOW)

    asked = [promql for promql, _ in prometheus.asked]
    assert asked[1:3] == ['rate(requests{namespace="shop"}[60s])', "fast{namespace=\"shop\",le='0.5'}"]


def test_a_custom_query_reads_its_own_namespace_only_or_is_not_sent() -> None:
    prometheus = FakePrometheus(answering())
    elsewhere = target(**custom(failedRequestsPerSecond='failed{pod="a" or namespace="other"}'))

    found = read_signals(prometheus, [elsewhere], NOW)

    (signals,) = found.values()
    assert isinstance(signals, NoData)
    assert signals.reason is Reason.QUERY_NOT_CONFINED
    assert all('namespace="shop"' in promql and "other" not in promql for promql, _ in prometheus.asked[1:])


def test_a_whole_second_is_written_as_the_python_libraries_write_their_edges() -> None:
    prometheus = FakePrometheus(answering())
    one = replace(target(**custom()), threshold_seconds=1.0)

    read_signals(prometheus, [one], NOW)

    assert any("le='1.0'" in promql for promql, _ in prometheus.asked)


@pytest.mark.parametrize("series", [(), (1.0, 2.0)], ids=["no series", "two series"])
def test_a_custom_query_must_give_one_series(series: tuple[float, ...]) -> None:
    found = only(answering(failed=series), target(**custom()))

    assert isinstance(found, NoData)
    assert found.reason is Reason.UNUSABLE_SAMPLES
    assert found.message.startswith(f"{len(series)} series")


def test_a_custom_rate_of_zero_is_silence_whatever_the_average_is() -> None:
    quiet = answering(requests=(0.0,), fast=(0.0,), average=(float("nan"),))

    assert isinstance(only(quiet, target(**custom())), NoTraffic)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 1e40, 1e308])
@pytest.mark.parametrize("query", ["requests", "fast", "failed", "average"])
def test_a_custom_value_that_is_no_rate_is_unusable(query: str, bad: float) -> None:
    found = only(answering(**{query: (bad,)}), target(**custom()))

    assert isinstance(found, NoData)
    assert found.reason is Reason.UNUSABLE_SAMPLES


def test_a_custom_query_that_prometheus_refuses_blinds_only_its_own_target() -> None:
    served = exporting(PRESETS[0], ("shop", "a-1"))

    def answer(promql: str) -> tuple[Sample, ...]:
        return unreachable(promql) if promql == "broken(" else served(promql)

    found = read_signals(FakePrometheus(answer), [target("b", **custom(requestsPerSecond="broken(")), target("a")], NOW)

    assert isinstance(found["shop", "a"], Traffic)
    assert isinstance(found["shop", "b"], NoData)


def test_what_the_agent_shed_is_no_latency() -> None:
    agent = preset_of(MetricsSource.AGENT)
    prometheus = FakePrometheus(exporting(agent, ("shop", "checkout-1")))

    assert isinstance(read_signals(prometheus, [target()], NOW)["shop", "checkout"], Traffic)
    asked = [promql for promql, _ in prometheus.asked if f"rate({agent.histogram}_" in promql]
    assert all('outcome!="shed"' in promql or 'outcome="5xx"' in promql for promql in asked)


def test_a_library_goes_before_the_agent() -> None:
    library, agent = (exporting(preset, ("shop", "checkout-1")) for preset in (PRESETS[1], PRESETS[-1]))

    found = only(both(agent, library), target())

    assert isinstance(found, Traffic)
    assert found.source is PRESETS[1].source


def test_a_pod_that_only_its_agent_shows_has_not_served_through_the_library_yet() -> None:
    """Scraped on the agent's port, and its library exports nothing before the first request."""
    library = exporting(PRESETS[1], ("shop", "a"))
    agent, up = exporting(PRESETS[-1], ("shop", "b")), scraped(("shop", "a"), ("shop", "b"))

    found = only(
        both(library, up, lambda promql: agent(promql) if promql.startswith("count by") else ()),
        target("checkout", "a", "b"),
    )

    assert isinstance(found, Traffic)
    assert found.scraped_pods == 2


@pytest.mark.parametrize("pod", ["checkout-1", "stranger"])
def test_pods_of_which_prometheus_holds_a_page_twice_are_not_counted_twice(pod: str) -> None:
    """Two Prometheus behind a querier that does not deduplicate: every series is there twice, and every sum doubled."""
    usual = exporting(PRESETS[0], ("shop", "checkout-1"))

    def answer(promql: str) -> tuple[Sample, ...]:
        twice = (sample(2, namespace="shop", pod=pod, measure="copies"),) if promql.startswith("count by") else ()
        return usual(promql) + twice

    found = only(answer, target())

    assert isinstance(found, Traffic) == (pod == "stranger")
    if isinstance(found, NoData):
        assert found.reason is Reason.DUPLICATE_SERIES


@pytest.mark.parametrize("metric", ["_sum", "process_cpu_seconds_total"])
def test_two_rows_about_one_pod_where_one_is_expected_are_not_believed(metric: str) -> None:
    usual = exporting(PRESETS[0], ("shop", "checkout-1"))

    found = only(lambda promql: usual(promql) * (2 if metric in promql else 1), target())

    assert isinstance(found, NoData)
    assert found.reason is Reason.UNUSABLE_SAMPLES


def test_one_edge_written_in_two_ways_counts_once() -> None:
    usual = exporting(PRESETS[0], ("shop", "checkout-1"), edges=("0.5", "5", "5.0", "+Inf"))
    found = only(usual, target())

    assert isinstance(found, Traffic)
    assert [bucket.requests_per_second for bucket in found.buckets] == [10.0, 10.0, 10.0]


def test_a_page_that_is_scraped_twice_counts_once() -> None:
    """Each rate is summed within a page, and the largest page of a pod counts."""
    prometheus = FakePrometheus(exporting(PRESETS[0], ("shop", "checkout-1")))
    read_signals(prometheus, [target()], NOW)

    rates = [promql for promql, _ in prometheus.asked if "rate(" in promql]
    assert rates
    for promql in rates:
        assert re.match(r"max by \(namespace, pod(, le)?\) \(sum by \(namespace, pod(, le)?, job, instance\)", promql)
