"""Offered load, where it is heading, and how unevenly it falls."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.control import demand
from fastapi_tuning.control.observation import Traffic
from tests.unit.control.builders import NOW, pod_traffic, samples, traffic, workload


def test_a_growing_queue_and_what_was_shed_add_to_the_offered_load_and_a_draining_one_subtracts() -> None:
    assert demand.offered(traffic(queue_growth_per_second=30.0)) == pytest.approx(130.0)
    assert demand.offered(traffic(queue_growth_per_second=-30.0)) == pytest.approx(70.0)
    assert demand.offered(traffic(queue_growth_per_second=-130.0)) == 0.0
    assert demand.offered(traffic(shed_per_second=20.0)) == pytest.approx(120.0)


def test_a_shorter_window_that_shows_more_is_believed() -> None:
    assert demand.offered(traffic(recent_per_second=150.0)) == pytest.approx(150.0)
    assert demand.offered(traffic(recent_per_second=50.0)) == pytest.approx(100.0)


def forecast(offered: float, *loads: tuple[float, float], ahead: float = 45.0) -> float:
    return demand.forecast(offered, traffic(), samples(*loads), NOW.timestamp(), ahead)


def test_a_rise_goes_on_from_the_middle_of_the_window_for_the_dead_time() -> None:
    # 40 more in 60 s, for 30 s of lag and 45 s of dead time.
    assert forecast(240.0, (60, 200.0), (15, 230.0)) == pytest.approx(240.0 + 40 / 60 * 75)


def test_the_oldest_load_is_the_base() -> None:
    assert forecast(240.0, (90, 200.0), (45, 210.0)) == pytest.approx(240.0 + 40 / 90 * 75)


@pytest.mark.parametrize(
    "loads",
    [
        pytest.param((), id="nothing to compare with"),
        pytest.param(((30.0, 100.0),), id="too young"),
        pytest.param(((60.0, 300.0),), id="a fall"),
        pytest.param(((60.0, 236.0),), id="within what chance does"),
        pytest.param(((60.0, math.nan),), id="no number"),
    ],
)
def test_what_is_no_rise_is_not_forecast(loads: tuple[tuple[float, float], ...]) -> None:
    assert forecast(240.0, *loads) == 240.0


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(45, 120))
def test_a_forecast_is_at_least_the_load_and_at_most_a_quarter_above_it(now: float, before: float, age: float) -> None:
    found = forecast(now, (age, before))

    assert now <= found <= 1.25 * now


def unevenness(*rates: float, desired: int | None = None) -> float | None:
    seen: Traffic = traffic(pods=tuple(pod_traffic(served_per_second=rate) for rate in rates))
    return demand.unevenness(seen, workload(desired_replicas=len(rates) if desired is None else desired))


def test_unevenness_is_how_the_busiest_pod_exceeds_the_mean_over_the_root_of_their_number() -> None:
    assert unevenness(75_000.0, 25_000.0) == pytest.approx(0.5 / math.sqrt(2), abs=0.01)
    assert unevenness(50.0, 50.0) == 0.0
    assert unevenness(50.0) == 0.0


def test_a_pod_with_more_than_twice_the_mean_counts_as_twice() -> None:
    assert unevenness(100_000.0, 0.0, 0.0, 0.0) == pytest.approx(1 / 2)


def test_what_chance_makes_of_a_few_requests_is_no_unevenness() -> None:
    assert unevenness(1.1, 0.9) == 0.0
    assert unevenness(11_000.0, 9_000.0) == pytest.approx(0.1 / math.sqrt(2), abs=0.01)


@pytest.mark.parametrize(
    ("rates", "desired"), [((50.0,), 2), ((0.0, 0.0), 2), ((), 0)], ids=["a pod is missing", "nothing served", "none"]
)
def test_unevenness_is_unknown_while_pods_are_missing_or_idle(rates: tuple[float, ...], desired: int) -> None:
    assert unevenness(*rates, desired=desired) is None


@given(st.floats(0.01, 1e4), st.floats(0, 1))
def test_so_many_pods_are_enough_for_the_busiest_and_no_fewer(load: float, uneven: float) -> None:
    pods = demand.pods_for(load, uneven)
    unbounded = 1 + uneven * math.sqrt(pods)

    assert pods == pytest.approx(load * min(2.0, unbounded), rel=1e-6)
