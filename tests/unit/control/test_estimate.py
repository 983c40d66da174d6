"""One observation put together: load, verdict, capacity, and the signs of overload."""

import pytest

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.api.status import History
from fastapi_tuning.control.estimate import Estimate, estimate
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import Traffic
from tests.unit.control.builders import (
    ago,
    capacity,
    history,
    learned,
    observation,
    pod_traffic,
    samples,
    slots,
    traffic,
)
from tests.unit.control.builders import estimate as estimate_value


def estimate_of(signals: Traffic, past: History | None = None) -> Estimate:
    return estimate(observation(signals=signals), signals, Objectives(), past or history())


def test_shares_are_of_what_was_answered_and_of_what_was_offered() -> None:
    found = estimate_of(traffic(fast_per_second=95.0, failed_per_second=1.0, shed_per_second=25.0))

    assert found.bad_ratio == pytest.approx(0.05)
    assert found.error_ratio == pytest.approx(26 / 125)
    assert (found.offered_per_second, found.served_per_second) == pytest.approx((125.0, 100.0))


def test_a_rising_load_is_expected_to_rise_on() -> None:
    found = estimate_of(traffic(), history(loads=samples((60, 40.0))))

    assert found.expected_per_second > found.offered_per_second


def test_the_imbalance_follows_from_the_unevenness_that_was_learned() -> None:
    assert estimate_of(traffic(), history(learned=learned(unevenness="0.1"))).imbalance(9) == pytest.approx(1.3)


def test_the_busiest_pod_is_the_mean_where_pods_are_not_told_apart() -> None:
    pods = (pod_traffic(served_per_second=70.0), pod_traffic(served_per_second=30.0))

    assert estimate_of(traffic(pods=pods)).busiest_per_second == 70.0
    assert estimate_of(traffic(pods=())).busiest_per_second == 50.0


FEW = traffic(requests_per_second=1.0)
GATHERED = slots((2000, 90, 0, 0), (400, 90, 0, 0))


def test_evidence_at_low_traffic_is_gathered_for_an_hour() -> None:
    assert estimate_of(FEW, history(evidence=GATHERED)).verdict is Verdict.MET
    assert estimate_of(FEW).verdict is Verdict.TOO_FEW_REQUESTS


@pytest.mark.parametrize("move", ["last_scale_up_time", "last_rollout_time", "last_setting_time"])
def test_evidence_from_before_the_last_move_is_not_gathered(move: str) -> None:
    assert estimate_of(FEW, history(evidence=GATHERED, **{move: ago(1000)})).verdict is Verdict.TOO_FEW_REQUESTS


def test_slowdown_is_the_present_service_time_over_the_uncontended_one() -> None:
    known = history(learned=learned(service_samples=samples((300, 0.05))))

    assert estimate_of(traffic(), known).slowdown == pytest.approx(2.0)
    blind = traffic(pods=(pod_traffic(thread_seconds_per_request=None),), average_latency_seconds=9.0)
    assert estimate_of(blind, known).slowdown is None


def test_threads_in_use_and_queues_are_means_over_the_pods_that_export_them() -> None:
    pods = (
        pod_traffic(threads_busy=30.0, threads_waiting=4.0),
        pod_traffic(threads_busy=10.0, threads_waiting=0.0),
        pod_traffic(threads_busy=None, threads_waiting=None),
    )
    found = estimate_of(traffic(pods=pods))

    assert (found.busy_threads, found.waiting, found.queued) == (20.0, 2.0, 4.0)
    assert estimate_of(traffic(pods=pods[2:])).waiting is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"waiting": 2.1}, True, id="more than a twentieth of 40"),
        pytest.param({"waiting": 2.0}, False, id="a twentieth"),
        pytest.param({"waiting": 1.0, "capacity": capacity(threads=4)}, False, id="one always waits for a moment"),
        pytest.param({"waiting": 99.0, "capacity": capacity(threads=None)}, False, id="pool unknown"),
        pytest.param({}, False, id="queue unknown"),
    ],
)
def test_a_queue_counts_from_a_twentieth_of_the_pool_on(changes: dict[str, object], expected: bool) -> None:
    found = estimate_value(**changes)

    assert found.queues is expected
    assert found.overloaded is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"verdict": Verdict.MISSED, "slowdown": 1.6}, True, id="late, slow, idle"),
        pytest.param({"shedding": True}, True, id="refusing, idle"),
        pytest.param({"verdict": Verdict.MISSED, "slowdown": 1.5}, False, id="not slow"),
        pytest.param({"verdict": Verdict.MISSED}, False, id="slowness unknown"),
        pytest.param({"slowdown": 1.6}, False, id="not late"),
        pytest.param({"shedding": True, "busy_threads": 39.0}, False, id="refusing, all threads in use"),
        pytest.param({"shedding": True, "busy_threads": 39.0, "slowdown": 1.6}, True, id="refusing, in slow threads"),
        pytest.param({"shedding": True, "cpu_utilisation": 0.6}, False, id="computing"),
        pytest.param({"shedding": True, "cpu_utilisation": None}, False, id="CPU unknown"),
    ],
)
def test_pods_that_idle_while_their_requests_crawl_wait_for_something_behind_them(
    changes: dict[str, object], expected: bool
) -> None:
    assert estimate_value(**{"cpu_utilisation": 0.59, **changes}).waits_downstream is expected


def test_a_missed_objective_or_refused_requests_are_overload() -> None:
    assert estimate_value(verdict=Verdict.MISSED).overloaded
    assert estimate_of(traffic(shed_per_second=2.0)).overloaded
    assert not estimate_of(traffic(shed_per_second=0.5)).shedding
