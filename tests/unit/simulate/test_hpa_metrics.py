"""Metric → replicas, against examples worked by hand from the documented algorithm of the HorizontalPodAutoscaler."""

import pytest

from fastapi_tuning.simulate.autoscalers.hpa_metrics import (
    CpuUtilisation,
    ExternalRequests,
    LatencyP99,
    ReadySince,
    RequestsPerPod,
)
from fastapi_tuning.simulate.scaler import PodView
from tests.unit.simulate.autoscaler_views import LONG_AGO, pod, pods, view


def ready_long_ago(existing: tuple[PodView, ...]) -> ReadySince:
    return {each.name: LONG_AGO for each in existing if each.ready}


def by_cpu(existing: tuple[PodView, ...], target_percent: int, ready_since: ReadySince | None = None) -> int | None:
    since = ready_long_ago(existing) if ready_since is None else ready_since
    return CpuUtilisation(target_percent=target_percent).replicas(view(existing), since)


def test_twice_the_target_doubles_and_half_of_it_halves_the_pods() -> None:
    assert by_cpu(pods("cpu_cores", [1.0, 1.0]), 50) == 4
    assert by_cpu(pods("cpu_cores", [0.25, 0.25]), 50) == 1


def test_a_tenth_above_or_below_the_target_changes_nothing() -> None:
    assert by_cpu(pods("cpu_cores", [0.55] * 10), 50) == 10
    assert by_cpu(pods("cpu_cores", [0.45] * 10), 50) == 10
    assert by_cpu(pods("cpu_cores", [0.56] * 10), 50) == 12, "56 / 50 × 10 = 11.2"


def test_utilisation_is_a_whole_percentage_of_what_all_pods_request() -> None:
    assert by_cpu(pods("cpu_cores", [0.3, 0.5, 0.7]), 30) == 5, "50 % / 30 % × 3"
    assert by_cpu(pods("cpu_cores", [0.2795] * 2, cpu_request_cores=0.5), 50) == 2, "55.9 % counts as 55 %: 1.1"


def test_a_pod_without_a_sample_counts_as_idle_on_the_way_up() -> None:
    known_busy = pods("cpu_cores", [0.9, 0.9, None])

    assert by_cpu(known_busy, 40) == 5, "180 / 300 = 60 %, / 40 % × 3 = 4.5"


def test_a_pod_without_a_sample_counts_as_fully_used_on_the_way_down() -> None:
    assert by_cpu(pods("cpu_cores", [0.1, 0.1, 0.1, None]), 80) == 2, "130 / 400 = 32 %, / 80 % × 4 = 1.6"


def test_samples_that_are_missing_never_turn_the_direction() -> None:
    assert by_cpu(pods("cpu_cores", [0.6, None]), 50) == 2, "up by what is known, 30 % with the other pod idle"
    assert by_cpu(pods("cpu_cores", [0.4, None]), 50) == 2, "down by what is known, 70 % with the other pod busy"


def test_no_sample_at_all_means_no_recommendation() -> None:
    assert by_cpu(pods("cpu_cores", [None, None]), 50) is None


def test_a_pod_that_is_not_ready_yet_is_set_aside_on_the_way_down() -> None:
    starting = pod("new", ready=False, started_seconds=-20.0, cpu_cores=1.0)

    assert by_cpu((*pods("cpu_cores", [0.1, 0.1]), starting), 50) == 1, "10 % / 50 % × 2 = 0.4"


def test_a_pod_that_is_not_ready_yet_counts_as_idle_on_the_way_up() -> None:
    starting = pod("new", ready=False, started_seconds=-20.0, cpu_cores=1.0)

    assert by_cpu((*pods("cpu_cores", [0.5, 0.7]), starting), 30) == 4, "120 / 300 = 40 %, / 30 % × 3"
    assert by_cpu((*pods("cpu_cores", [0.4]), starting), 30) == 2, "20 % with it idle would turn the direction"


def test_a_young_pod_counts_once_a_metric_window_lies_behind_its_readiness() -> None:
    young = pod("new", started_seconds=-60.0, cpu_cores=1.0)
    others = pods("cpu_cores", [0.4, 0.4])
    known = ready_long_ago(others)

    assert by_cpu((*others, young), 40, {**known, "new": -14.0}) == 3, "40 % of the two old pods"
    assert by_cpu((*others, young), 40, {**known, "new": -15.0}) == 5, "180 / 300 = 60 %, / 40 % × 3 = 4.5"


def test_after_five_minutes_only_a_pod_that_never_was_ready_is_set_aside() -> None:
    stuck = pod("stuck", ready=False, started_seconds=-301.0, cpu_cores=1.0)
    others = pods("cpu_cores", [0.1, 0.1])

    assert by_cpu((*others, stuck), 50, ready_long_ago(others)) == 1
    assert by_cpu((*others, stuck), 50, {**ready_long_ago(others), "stuck": -200.0}) == 3, "40 %, / 50 % × 3 = 2.4"


def test_requests_per_pod_follow_the_mean_over_the_pods() -> None:
    metric = RequestsPerPod(target_per_second=20.0)

    assert metric.replicas(view(pods("requests_per_second", [30.0, 50.0])), {}) == 4
    assert metric.replicas(view(pods("requests_per_second", [21.0, 22.0])), {}) == 2, "within a tenth"
    assert metric.replicas(view(pods("requests_per_second", [5.0, 5.0, 5.0, 5.0])), {}) == 1


def test_a_pod_without_a_rate_counts_as_idle_upward_and_as_on_target_downward() -> None:
    metric = RequestsPerPod(target_per_second=20.0)

    assert metric.replicas(view(pods("requests_per_second", [45.0, 45.0, None])), {}) == 5, "90 / 3 = 30, / 20 × 3"
    assert metric.replicas(view(pods("requests_per_second", [4.0, 4.0, 4.0, None])), {}) == 2, "32 / 4 = 8, / 20 × 4"
    assert metric.replicas(view(pods("requests_per_second", [None])), {}) is None


def test_latency_scales_the_ready_pods_by_its_ratio_to_the_target() -> None:
    metric = LatencyP99(target_seconds=0.4)
    three_of_four = (*pods("ready", [True, True, True]), pod("new", ready=False))

    assert metric.replicas(view(three_of_four, latency_p99_seconds=0.8), {}) == 6
    assert metric.replicas(view(three_of_four, latency_p99_seconds=0.42), {}) == 4, "within a tenth: as desired"
    assert metric.replicas(view(three_of_four, latency_p99_seconds=None), {}) is None


@pytest.mark.parametrize(("total", "replicas"), [(200.0, 4), (219.0, 4), (221.0, 5), (179.0, 4), (149.0, 3)])
def test_an_external_sum_is_divided_by_the_target_of_a_pod(total: float, replicas: int) -> None:
    found = ExternalRequests(target_per_second=50.0).replicas(
        view(pods("ready", [True] * 4), requests_per_second=total), {}
    )

    assert found == replicas


def test_kedas_trigger_takes_an_empty_answer_for_no_requests() -> None:
    metric = ExternalRequests(target_per_second=50.0)

    assert metric.replicas(view(pods("ready", [True] * 4), requests_per_second=None), {}) == 0
