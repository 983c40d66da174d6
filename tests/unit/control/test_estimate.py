"""What the numbers mean: the verdict on the objective, and what one pod can carry."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.api.status import Learned, LimitingFactor
from fastapi_tuning.control import estimate as subject
from fastapi_tuning.control.estimate import Estimate, Verdict, cpu_utilisation, quantile, thread_utilisation
from fastapi_tuning.control.observation import LatencyBucket, Traffic, Workload
from tests.unit.control.builders import capacity, pod_traffic, traffic, workload

OBJECTIVES = Objectives()
AVERAGE_OBJECTIVE = Objectives(average_latency_milliseconds=200)


def estimate_of(
    signals: Traffic,
    target: Workload | None = None,
    objectives: Objectives = OBJECTIVES,
    learned: Learned | None = None,
) -> Estimate:
    return subject.estimate(signals, target or workload(), objectives, learned or Learned())


def test_the_objective_is_met_while_lateness_stays_within_what_is_allowed() -> None:
    assert estimate_of(traffic(fast_per_second=99.0)).verdict is Verdict.MET


def test_the_objective_is_missed_when_significantly_more_requests_are_late() -> None:
    found = estimate_of(traffic(fast_per_second=95.0))

    assert found.verdict is Verdict.MISSED
    assert found.bad_ratio == pytest.approx(0.05)


def test_the_objective_is_missed_when_significantly_more_requests_fail() -> None:
    found = estimate_of(traffic(failed_per_second=2.0))

    assert found.verdict is Verdict.MISSED
    assert found.error_ratio == pytest.approx(0.02)


def test_the_objective_is_missed_when_the_average_is_above_an_average_that_is_owed() -> None:
    slow = traffic(average_latency_seconds=0.3)

    assert estimate_of(slow, objectives=AVERAGE_OBJECTIVE).verdict is Verdict.MISSED
    assert estimate_of(slow).verdict is Verdict.MET


def test_a_handful_of_requests_is_no_evidence_however_bad_they_are() -> None:
    few = traffic(requests_per_second=1.0, fast_per_second=0.0, window_seconds=60)

    assert estimate_of(few).verdict is Verdict.TOO_FEW_REQUESTS


def test_more_fast_requests_than_requests_is_not_less_than_no_lateness() -> None:
    assert estimate_of(traffic(fast_per_second=100.5)).bad_ratio == 0.0


def test_a_growing_queue_adds_to_the_offered_load_and_a_draining_one_does_not_subtract() -> None:
    assert estimate_of(traffic(queue_growth_per_second=30.0)).offered_per_second == pytest.approx(130.0)
    assert estimate_of(traffic(queue_growth_per_second=-30.0)).offered_per_second == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        pytest.param((50.0, 50.0), 1.0, id="even"),
        pytest.param((75.0, 25.0), 1.5, id="uneven"),
        pytest.param((100.0, 0.0, 0.0, 0.0), 2.0, id="cut at twice the mean"),
        pytest.param((0.0, 0.0), 1.0, id="nothing served"),
        pytest.param((), 1.0, id="no pods told apart"),
    ],
)
def test_imbalance_is_the_busiest_pod_over_the_mean(rates: tuple[float, ...], expected: float) -> None:
    pods = tuple(pod_traffic(served_per_second=rate) for rate in rates)

    assert estimate_of(traffic(pods=pods)).imbalance == pytest.approx(expected)


def test_service_time_is_the_time_in_a_thread_weighted_by_what_each_pod_served() -> None:
    pods = (
        pod_traffic(served_per_second=30.0, thread_seconds_per_request=0.1),
        pod_traffic(served_per_second=10.0, thread_seconds_per_request=0.3),
        pod_traffic(served_per_second=60.0, thread_seconds_per_request=None),
    )

    assert estimate_of(traffic(pods=pods)).capacity.service_seconds == pytest.approx(0.15)


def without_agent(average_latency_seconds: float) -> Traffic:
    pods = (pod_traffic(thread_seconds_per_request=None),)
    return traffic(pods=pods, average_latency_seconds=average_latency_seconds)


def test_without_an_agent_the_mean_latency_stands_for_service_time_while_nothing_queues() -> None:
    assert estimate_of(without_agent(0.2)).capacity.service_seconds == pytest.approx(0.2)


def test_without_an_agent_a_mean_above_the_objective_is_queueing_and_teaches_nothing() -> None:
    learned = Learned(template_hash="one", service_seconds="0.120000")

    assert estimate_of(without_agent(3.0)).capacity.service_seconds is None
    assert estimate_of(without_agent(3.0), learned=learned).capacity.service_seconds == pytest.approx(0.12)


def test_a_mean_latency_of_nothing_is_no_service_time() -> None:
    found = estimate_of(without_agent(0.0))

    assert found.capacity.service_seconds is None


def test_a_remembered_service_time_too_short_to_be_written_down_is_not_a_zero() -> None:
    learned = Learned(template_hash="one", service_seconds="0.000000")

    assert estimate_of(without_agent(0.2), learned=learned).capacity.service_seconds == pytest.approx(0.2)
    assert estimate_of(without_agent(3.0), learned=learned).capacity.service_seconds is None


def test_service_time_falls_at_once_and_rises_by_two_percent_a_cycle() -> None:
    learned = Learned(template_hash="one", service_seconds="0.100000")

    assert estimate_of(without_agent(0.05), learned=learned).capacity.service_seconds == pytest.approx(0.05)
    assert estimate_of(without_agent(0.4), learned=learned).capacity.service_seconds == pytest.approx(0.102)


def test_what_was_learned_of_another_template_is_void() -> None:
    learned = Learned(template_hash="another", service_seconds="0.001000")

    assert estimate_of(without_agent(0.2), learned=learned).capacity.service_seconds == pytest.approx(0.2)


def test_the_smallest_pool_among_the_pods_counts() -> None:
    pods = (pod_traffic(threads=40), pod_traffic(threads=10), pod_traffic(threads=None))

    assert estimate_of(traffic(pods=pods)).capacity.threads == 10


def test_threads_carry_their_number_over_the_service_time() -> None:
    found = estimate_of(traffic()).capacity

    assert found.thread_saturated_per_second == pytest.approx(400.0)
    assert found.thread_safe_per_second == pytest.approx(thread_utilisation(40) * 400.0)


def test_cpu_carries_one_core_over_the_cpu_time_of_a_request_and_less_under_a_lower_limit() -> None:
    assert estimate_of(traffic()).capacity.cpu_saturated_per_second == pytest.approx(500.0)
    halved = estimate_of(traffic(), workload(cpu_limit_cores=0.5)).capacity
    assert halved.cpu_saturated_per_second == pytest.approx(250.0)
    doubled = estimate_of(traffic(), workload(cpu_limit_cores=2.0)).capacity
    assert doubled.cpu_saturated_per_second == pytest.approx(500.0), "one interpreter uses one core"


def test_a_pod_that_exports_neither_threads_nor_cpu_has_an_unknown_capacity() -> None:
    pods = (pod_traffic(threads=None, cpu_cores=None),)
    found = estimate_of(traffic(pods=pods)).capacity

    assert found.safe_per_second is None
    assert found.saturated_per_second is None
    assert found.binding is LimitingFactor.UNKNOWN


def test_cpu_of_pods_that_served_nothing_is_not_divided() -> None:
    pods = (pod_traffic(served_per_second=0.0),)

    assert estimate_of(traffic(pods=pods)).capacity.cpu_seconds_per_request is None


def test_the_resource_that_ends_first_binds() -> None:
    assert capacity(thread_safe_per_second=10.0, cpu_safe_per_second=20.0).binding is LimitingFactor.THREAD_POOL
    assert capacity(thread_safe_per_second=20.0, cpu_safe_per_second=10.0).binding is LimitingFactor.CPU
    assert capacity(thread_safe_per_second=20.0, cpu_safe_per_second=None).binding is LimitingFactor.THREAD_POOL
    assert capacity(thread_safe_per_second=None, cpu_safe_per_second=10.0).binding is LimitingFactor.CPU


def test_safe_and_saturated_rates_are_the_least_of_the_known_ones() -> None:
    both = replace(capacity(), cpu_safe_per_second=50.0, cpu_saturated_per_second=500.0)

    assert both.safe_per_second == 50.0
    assert both.saturated_per_second == 400.0


@given(st.integers(4, 1000))
def test_safe_use_of_a_pool_leaves_two_standard_deviations_free(threads: int) -> None:
    busy = thread_utilisation(threads) * threads

    assert busy + 2 * math.sqrt(busy) == pytest.approx(threads)


@given(st.floats(1e-5, 10.0), st.floats(0.001, 600.0))
def test_cpu_use_is_planned_between_thirty_and_seventy_five_percent(cpu_seconds: float, threshold: float) -> None:
    assert 0.3 <= cpu_utilisation(cpu_seconds, threshold) <= 0.75


def test_cpu_use_keeps_the_99th_percentile_of_a_single_server_within_the_objective() -> None:
    service, threshold = 0.05, 0.5
    load = cpu_utilisation(service, threshold)

    assert -math.log(0.01) * service / (1 - load) == pytest.approx(threshold, rel=0.01)


def buckets(*pairs: tuple[float, float]) -> tuple[LatencyBucket, ...]:
    return tuple(LatencyBucket(upper_seconds=edge, requests_per_second=rate) for edge, rate in pairs)


@pytest.mark.parametrize(
    ("histogram", "ratio", "expected"),
    [
        pytest.param((), 0.5, None, id="no histogram"),
        pytest.param(buckets((0.1, 0.0), (math.inf, 0.0)), 0.5, None, id="no requests"),
        pytest.param(buckets((0.1, 10.0), (math.inf, 10.0)), 0.5, 0.05, id="inside the first bucket"),
        pytest.param(buckets((0.1, 10.0), (0.3, 20.0), (math.inf, 20.0)), 0.75, 0.2, id="inside the second bucket"),
        pytest.param(buckets((0.1, 10.0), (math.inf, 20.0)), 0.99, 0.1, id="beyond the last finite edge"),
        pytest.param(buckets((0.1, 0.0), (0.2, 10.0), (math.inf, 10.0)), 0.0, 0.1, id="an empty bucket holds rank 0"),
        pytest.param(buckets((0.1, 5.0), (0.2, 10.0)), 2.0, 0.2, id="a rank beyond all buckets"),
    ],
)
def test_the_quantile_for_people_is_linear_inside_a_bucket(
    histogram: tuple[LatencyBucket, ...], ratio: float, expected: float | None
) -> None:
    found = quantile(histogram, ratio)

    assert found is None if expected is None else found == pytest.approx(expected)
