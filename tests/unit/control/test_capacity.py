"""What one pod can carry, from its threads and its CPU."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.api.status import Learned, LimitingFactor
from fastapi_tuning.control.capacity import (
    PodCapacity,
    capacity_of,
    cpu_utilisation,
    cpu_utilisation_now,
    service_seconds_now,
    thread_utilisation,
)
from fastapi_tuning.control.observation import LatencyBucket, PodTraffic, Traffic, Workload
from tests.unit.control.builders import capacity, launch, learned, pod_traffic, samples, traffic, workload


def capacity_seen(signals: Traffic, known: Learned | None = None, target: Workload | None = None) -> PodCapacity:
    return capacity_of(signals, target or workload(), Objectives(), known or learned())


def test_service_time_is_the_time_in_a_thread_weighted_by_what_each_pod_served() -> None:
    pods = (
        pod_traffic(served_per_second=30.0, thread_seconds_per_request=0.1, cpu_cores=None),
        pod_traffic(served_per_second=10.0, thread_seconds_per_request=0.3, cpu_cores=None),
        pod_traffic(served_per_second=60.0, thread_seconds_per_request=None),
    )

    assert alone(*pods) == pytest.approx(0.15)


def alone(*pods: PodTraffic) -> float | None:
    """Service time of pods whose CPU is not exported, or is."""
    return service_seconds_now(traffic(pods=tuple(pods)), Objectives())


def test_what_the_threads_wait_for_the_interpreter_is_taken_off_again() -> None:
    # 10 ms of CPU at half a core take 20 ms.
    sharing = pod_traffic(cpu_cores=0.5, thread_seconds_per_request=0.1)
    assert alone(sharing) == pytest.approx(0.09)
    computing = replace(sharing, thread_seconds_per_request=0.012)
    assert alone(computing) == pytest.approx(0.01), "never less than the CPU itself"
    assert alone(replace(sharing, thread_seconds_per_request=0.008)) == pytest.approx(0.008)


@pytest.mark.parametrize("changes", [{"acknowledged": False}, {"ready_seconds": 59.0}])
def test_pods_that_are_cold_or_run_with_other_settings_teach_nothing(changes: dict[str, object]) -> None:
    odd = pod_traffic(threads=4, thread_seconds_per_request=9.0, cpu_cores=1.0, **changes)
    usual = pod_traffic(ready_seconds=60.0)

    found = capacity_seen(traffic(pods=(odd, usual)))

    assert found.threads == (40 if "acknowledged" in changes else 4), (
        "the size of a cold pod's pool is true all the same"
    )
    assert found.service_seconds == pytest.approx(0.1)
    assert found.cpu_seconds_per_request == pytest.approx(0.1 / 50)


def without_agent(average_latency_seconds: float) -> Traffic:
    return traffic(
        pods=(pod_traffic(thread_seconds_per_request=None),), average_latency_seconds=average_latency_seconds
    )


def test_without_an_agent_the_mean_latency_stands_for_service_time_while_it_is_in_time() -> None:
    assert capacity_seen(without_agent(0.2)).service_seconds == pytest.approx(0.2)
    assert capacity_seen(without_agent(3.0)).service_seconds is None
    assert capacity_seen(without_agent(0.0)).service_seconds is None


def test_service_time_is_the_least_of_the_last_half_hour_so_that_contention_is_not_taken_for_work() -> None:
    known = learned(service_samples=samples((1500, 0.3), (300, 0.12)))

    assert capacity_seen(without_agent(0.4), known).service_seconds == pytest.approx(0.12)
    assert capacity_seen(without_agent(0.05), known).service_seconds == pytest.approx(0.05)
    assert capacity_seen(without_agent(3.0), known).service_seconds == pytest.approx(0.12)


def test_a_remembered_number_that_is_none_is_left_out() -> None:
    known = learned(service_samples=samples((300, 0.0)), cpu_samples=samples((60, math.nan)))

    found = capacity_seen(without_agent(0.2), known)
    assert found.service_seconds == pytest.approx(0.2)
    assert found.cpu_seconds_per_request == pytest.approx(0.1 / 50)


def test_the_tail_of_the_service_time_is_the_least_percentile_seen() -> None:
    slow = traffic(
        buckets=(
            LatencyBucket(upper_seconds=0.5, requests_per_second=100.0),
            LatencyBucket(upper_seconds=math.inf, requests_per_second=100.0),
        )
    )

    assert capacity_seen(slow).service_tail_seconds == pytest.approx(0.495)
    known = learned(service_tail_samples=samples((300, 0.2)))
    assert capacity_seen(slow, known).service_tail_seconds == pytest.approx(0.2)


def test_cpu_per_request_is_taken_at_the_upper_fifth_of_the_last_minutes() -> None:
    known = learned(cpu_samples=samples((240, 0.001), (180, 0.005), (120, 0.002), (60, 0.003), (0, 0.004)))

    assert capacity_seen(traffic(), known).cpu_seconds_per_request == pytest.approx(0.004)


def test_the_smallest_pool_among_the_pods_counts() -> None:
    pods = (pod_traffic(threads=40), pod_traffic(threads=10), pod_traffic(threads=None))

    assert capacity_seen(traffic(pods=pods)).threads == 10


def test_threads_carry_their_number_over_the_service_time() -> None:
    found = capacity_seen(traffic())

    assert found.thread_saturated_per_second == pytest.approx(400.0)
    assert found.thread_safe_per_second == pytest.approx(thread_utilisation(40) * 400.0)


def test_another_pool_carries_in_proportion() -> None:
    assert capacity().with_threads(80).thread_saturated_per_second == pytest.approx(800.0)
    assert capacity(service_seconds=None).with_threads(80).thread_safe_per_second is None


def test_cpu_carries_one_core_a_worker_over_the_cpu_time_of_a_request_and_less_under_a_lower_limit() -> None:
    assert capacity_seen(traffic()).cpu_saturated_per_second == pytest.approx(500.0)
    for target, expected in (
        (workload(cpu_limit_cores=0.5), 250.0),
        (workload(cpu_limit_cores=2.0), 500.0),
        (workload(cpu_limit_cores=2.0, launch=launch(workers=4)), 1000.0),
        (workload(launch=launch(workers=4)), 2000.0),
    ):
        assert capacity_seen(traffic(), target=target).cpu_saturated_per_second == pytest.approx(expected)


def test_the_correction_scales_what_is_safe_up_to_nine_tenths_of_saturation() -> None:
    plain = capacity_seen(traffic())
    doubtful, trusted = (capacity_seen(traffic(), learned(correction=text)) for text in ("0.5", "1.5"))

    assert plain.cpu_safe_per_second is not None
    assert plain.thread_safe_per_second is not None
    assert doubtful.cpu_safe_per_second == pytest.approx(plain.cpu_safe_per_second / 2)
    assert doubtful.thread_safe_per_second == pytest.approx(plain.thread_safe_per_second / 2)
    assert trusted.cpu_safe_per_second == pytest.approx(0.9 * 500.0)
    assert trusted.thread_safe_per_second == pytest.approx(0.9 * 400.0)


def test_a_pod_that_exports_neither_threads_nor_cpu_has_an_unknown_capacity() -> None:
    found = capacity_seen(traffic(pods=(pod_traffic(threads=None, cpu_cores=None),)))

    assert found.safe_per_second is None
    assert found.saturated_per_second is None
    assert found.binding is LimitingFactor.UNKNOWN


def test_cpu_of_pods_that_served_nothing_is_not_divided() -> None:
    assert capacity_seen(traffic(pods=(pod_traffic(served_per_second=0.0),))).cpu_seconds_per_request is None


def test_the_resource_that_ends_first_binds() -> None:
    assert capacity(thread_safe_per_second=10.0, cpu_safe_per_second=20.0).binding is LimitingFactor.THREAD_POOL
    assert capacity(thread_safe_per_second=20.0, cpu_safe_per_second=10.0).binding is LimitingFactor.CPU
    assert capacity(thread_safe_per_second=20.0, cpu_safe_per_second=None).binding is LimitingFactor.THREAD_POOL
    assert capacity(thread_safe_per_second=None, cpu_safe_per_second=10.0).binding is LimitingFactor.CPU


def test_safe_and_saturated_rates_are_the_least_of_the_known_ones() -> None:
    both = replace(capacity(), cpu_safe_per_second=50.0, cpu_saturated_per_second=500.0)

    assert both.safe_per_second == 50.0
    assert both.saturated_per_second == 400.0


def test_utilisation_is_the_mean_over_the_pods_that_export_cpu() -> None:
    pods = (pod_traffic(cpu_cores=0.4), pod_traffic(cpu_cores=0.2), pod_traffic(cpu_cores=None))

    assert cpu_utilisation_now(pods, workload(cpu_limit_cores=0.5)) == pytest.approx(0.6)
    assert cpu_utilisation_now((pod_traffic(cpu_cores=None),), workload()) is None


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
