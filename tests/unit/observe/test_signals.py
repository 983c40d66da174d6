"""Traffic, silence, or nothing to rely on: the judgement over one workload's samples."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import MetricsSource
from fastapi_tuning.control.observation import NoData, NoTraffic, Signals, Traffic
from fastapi_tuning.observe.presets import preset_of
from fastapi_tuning.observe.signals import PodSamples, signals_of, with_ages

A, B = ("shop", "a"), ("shop", "b")
PRESET = preset_of(MetricsSource.FASTAPI_INSTRUMENTATOR)
LEGACY = preset_of(MetricsSource.OPENTELEMETRY_LEGACY)
HISTOGRAM = {0.25: 6.0, 0.5: 9.0, 1.0: 10.0, math.inf: 10.0}


def samples(**changes: Any) -> PodSamples:
    """Two pods that export the histogram and nothing else."""
    plain = PodSamples(
        fresh=frozenset({A, B}),
        unserved=frozenset(),
        buckets={A: HISTOGRAM, B: HISTOGRAM},
        latency_sums={A: 2.0, B: 3.0},
        failed={},
        cpu={},
        started={},
        shed={},
        recent={},
        thread_seconds={},
        gauges={},
    )
    return replace(plain, **changes)


def judged(
    found: PodSamples, pods: frozenset[tuple[str, str]] = frozenset({A, B}), threshold_seconds: float = 0.5
) -> Signals:
    return signals_of(pods, found, PRESET, window_seconds=60, threshold_seconds=threshold_seconds)


def traffic_of(found: PodSamples, **options: Any) -> Traffic:
    signals = judged(found, **options)
    assert isinstance(signals, Traffic)
    return signals


def reason(signals: Signals) -> Reason | None:
    return signals.reason if isinstance(signals, NoData) else None


def test_rates_are_summed_over_the_pods() -> None:
    found = traffic_of(samples(failed={A: 0.5, B: 0.25}))

    assert found.requests_per_second == pytest.approx(20.0)
    assert found.fast_per_second == pytest.approx(18.0)
    assert found.failed_per_second == pytest.approx(0.75)
    assert found.average_latency_seconds == pytest.approx(5.0 / 20.0)
    assert found.scraped_pods == 2
    assert [pod.pod for pod in found.pods] == ["a", "b"]


def test_a_pod_that_is_not_ours_is_not_counted() -> None:
    assert traffic_of(samples(), pods=frozenset({A})).requests_per_second == pytest.approx(10.0)


def test_half_of_the_pods_scraped_is_traffic_that_says_so() -> None:
    assert traffic_of(samples(buckets={A: HISTOGRAM})).scraped_pods == 1


def test_a_pod_that_has_not_served_a_request_yet_is_scraped_and_idle() -> None:
    found = traffic_of(samples(fresh=frozenset({A}), unserved=frozenset({B}), buckets={A: HISTOGRAM}))

    assert found.scraped_pods == 2
    assert [pod.served_per_second for pod in found.pods] == [10.0, 0.0]
    assert found.requests_per_second == pytest.approx(10.0)


def test_rates_of_a_pod_that_is_not_scraped_any_more_do_not_count() -> None:
    found = traffic_of(samples(fresh=frozenset({A})))

    assert found.scraped_pods == 1
    assert found.requests_per_second == pytest.approx(10.0)


def test_rates_that_outlive_the_last_scrape_are_no_data() -> None:
    assert reason(judged(samples(fresh=frozenset()))) is Reason.NOT_SCRAPED


def test_scraped_pods_without_the_histogram_are_no_traffic_of_it() -> None:
    assert reason(judged(samples(fresh=frozenset(), unserved=frozenset({A, B}), buckets={}))) is Reason.NOT_SCRAPED


def test_no_sample_of_a_ready_pod_is_no_data_and_names_the_metric() -> None:
    signals = judged(samples(buckets={("shop", "other"): HISTOGRAM}))

    assert isinstance(signals, NoData)
    assert signals.reason is Reason.NOT_SCRAPED
    assert PRESET.histogram in signals.message


def test_no_ready_pod_is_no_data() -> None:
    assert reason(judged(samples(), pods=frozenset())) is Reason.NOT_SCRAPED


def test_fresh_samples_without_requests_are_silence() -> None:
    quiet = dict.fromkeys(HISTOGRAM, 0.0)

    assert judged(samples(buckets={A: quiet, B: quiet})) == NoTraffic(source=PRESET.source, scraped_pods=2)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1.0, 1e40])
@pytest.mark.parametrize("signal", ["latency_sums", "failed", "cpu", "started", "thread_seconds"])
def test_a_sample_that_is_no_number_makes_all_of_them_unusable(signal: str, bad: float) -> None:
    assert reason(judged(samples(**{signal: {A: bad}}))) is Reason.UNUSABLE_SAMPLES


def test_a_gauge_or_bucket_that_is_no_number_makes_all_samples_unusable() -> None:
    gauges = {"fastapi_tuning_thread_pool_limit": {B: math.nan}}

    assert reason(judged(samples(gauges=gauges))) is Reason.UNUSABLE_SAMPLES
    broken = {**HISTOGRAM, 0.5: math.nan}
    assert reason(judged(samples(buckets={A: HISTOGRAM, B: broken}))) is Reason.UNUSABLE_SAMPLES


def test_a_number_that_is_none_of_another_pod_does_no_harm() -> None:
    assert isinstance(judged(samples(cpu={("shop", "other"): math.nan})), Traffic)


def test_a_histogram_without_its_last_bucket_is_unusable() -> None:
    assert reason(judged(samples(buckets={A: HISTOGRAM, B: {0.5: 1.0}}))) is Reason.UNUSABLE_SAMPLES


@pytest.mark.parametrize(
    ("threshold", "edge", "fast"),
    [
        pytest.param(0.5, 0.5, 18.0, id="at an edge"),
        pytest.param(0.7, 0.5, 18.0, id="between edges: the stricter one"),
        pytest.param(30.0, 1.0, 20.0, id="above all finite edges"),
    ],
)
def test_the_objective_is_judged_at_the_largest_edge_that_does_not_exceed_it(
    threshold: float, edge: float, fast: float
) -> None:
    found = traffic_of(samples(), threshold_seconds=threshold)

    assert found.edge_seconds == edge
    assert found.fast_per_second == pytest.approx(fast)


def test_an_objective_below_all_edges_cannot_be_judged() -> None:
    signals = judged(samples(), threshold_seconds=0.1)

    assert isinstance(signals, NoData)
    assert signals.reason is Reason.BUCKET_MISSING
    assert "100 ms" in signals.message


def test_an_edge_at_zero_judges_nothing_since_every_request_is_above_it() -> None:
    edges = {0.0: 0.0, 5000.0: 10.0, math.inf: 10.0}

    found = signals_of(frozenset({A}), samples(buckets={A: edges}), LEGACY, window_seconds=60, threshold_seconds=0.5)

    assert reason(found) is Reason.BUCKET_MISSING


def test_pods_of_two_versions_are_summed_at_the_edges_that_both_have() -> None:
    newer = {0.3: 1.0, 0.5: 2.0, math.inf: 4.0}

    found = traffic_of(samples(buckets={A: HISTOGRAM, B: newer}))

    assert [bucket.upper_seconds for bucket in found.buckets] == [0.5, math.inf]
    assert [bucket.requests_per_second for bucket in found.buckets] == [11.0, 14.0]


def test_a_histogram_in_milliseconds_is_read_in_seconds() -> None:
    edges = {500.0: 9.0, math.inf: 10.0}
    found = signals_of(
        frozenset({A}),
        samples(buckets={A: edges}, latency_sums={A: 2000.0}),
        LEGACY,
        window_seconds=60,
        threshold_seconds=0.5,
    )

    assert isinstance(found, Traffic)
    assert found.edge_seconds == pytest.approx(0.5)
    assert found.fast_per_second == pytest.approx(9.0)
    assert found.average_latency_seconds == pytest.approx(0.2)


def test_more_failures_than_requests_are_at_most_all_requests() -> None:
    assert traffic_of(samples(failed={A: 99.0})).failed_per_second == pytest.approx(20.0)


def test_what_a_pod_does_not_export_is_unknown_and_not_zero() -> None:
    pod = traffic_of(samples()).pods[0]

    assert (pod.cpu_cores, pod.threads, pod.threads_busy, pod.threads_waiting) == (None, None, None, None)
    assert pod.thread_seconds_per_request is None


def test_the_agent_of_a_pod_tells_its_pool_its_arrivals_and_its_time_in_threads() -> None:
    gauges = {
        "fastapi_tuning_thread_pool_limit": {A: 40.0},
        "fastapi_tuning_thread_pool_busy": {A: 12.0},
        "fastapi_tuning_thread_pool_waiting": {A: 3.0},
    }
    found = traffic_of(samples(gauges=gauges, started={A: 14.0}, thread_seconds={A: 5.0}, cpu={A: 0.7}))
    pod = found.pods[0]

    assert (pod.threads, pod.threads_busy, pod.threads_waiting) == (40, 12.0, 3.0)
    assert pod.thread_seconds_per_request == pytest.approx(0.5)
    assert pod.cpu_cores == 0.7
    assert found.queue_growth_per_second == pytest.approx(4.0), "of the pods whose arrivals are counted"


def test_time_in_threads_of_a_pod_that_served_nothing_is_unknown() -> None:
    quiet = dict.fromkeys(HISTOGRAM, 0.0)

    found = traffic_of(samples(buckets={A: quiet, B: HISTOGRAM}, thread_seconds={A: 5.0}))

    assert found.pods[0].thread_seconds_per_request is None


def test_what_was_shed_is_neither_queued_nor_served() -> None:
    found = traffic_of(samples(started={A: 16.0, B: 10.0}, shed={A: 4.0}))

    assert found.shed_per_second == pytest.approx(4.0)
    assert found.queue_growth_per_second == pytest.approx(2.0)
    assert found.requests_per_second == pytest.approx(20.0)


def test_without_an_agent_nobody_knows_what_was_shed() -> None:
    assert traffic_of(samples()).shed_per_second is None


def test_the_recent_rate_is_known_when_it_is_of_every_pod() -> None:
    assert traffic_of(samples(recent={A: 12.0, B: 13.0})).recent_per_second == pytest.approx(25.0)
    assert traffic_of(samples(recent={A: 12.0})).recent_per_second is None


def test_a_pod_whose_library_is_silent_while_its_agent_counts_requests_is_not_idle() -> None:
    found = traffic_of(samples(fresh=frozenset({A}), unserved=frozenset({B}), started={A: 10.0, B: 10.0}))

    assert found.scraped_pods == 1


def test_gauges_of_the_agent_and_of_client_libraries_describe_a_pod() -> None:
    gauges = {
        "fastapi_tuning_requests_in_flight": {A: 7.0},
        "fastapi_tuning_connections": {A: 20.0},
        "fastapi_tuning_process_resident_memory_bytes": {A: 3e8},
        "process_resident_memory_bytes": {A: 1e8, B: 2e8},
    }
    first, second = traffic_of(samples(gauges=gauges)).pods

    assert (first.requests_in_flight, first.open_connections, first.resident_bytes) == (7.0, 20.0, 3e8)
    assert (second.requests_in_flight, second.open_connections, second.resident_bytes) == (None, None, 2e8)


def test_the_age_of_a_pod_is_that_of_its_readiness_and_never_below_zero() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    since = {A: now - timedelta(seconds=90), B: now + timedelta(seconds=5)}
    aged = with_ages(judged(samples()), since, "shop", now)

    assert isinstance(aged, Traffic)
    assert [pod.ready_seconds for pod in aged.pods] == [90.0, 0.0]
    assert with_ages(judged(samples(), frozenset()), since, "shop", now) == judged(samples(), frozenset())
