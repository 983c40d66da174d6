"""When clients are asked to connect anew, and that the pods end up even."""

import statistics
from collections import deque
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.control.balance import BALANCED_RATIO, share_to_close
from fastapi_tuning.control.observation import PodTraffic

RATES = st.lists(st.floats(0.0, 5000.0), min_size=1, max_size=20)
SHARES = st.sampled_from([0.0, 0.1, 0.2])
WINDOW_SECONDS, CYCLE_SECONDS = 60, 15


def pods(*rates: float) -> tuple[PodTraffic, ...]:
    return tuple(PodTraffic(pod=f"pod-{index}", served_per_second=rate) for index, rate in enumerate(rates))


def test_a_new_pod_makes_clients_connect_anew() -> None:
    assert share_to_close(pods(150, 150, 0), 60, 0.0) == 0.2


def test_an_excess_that_may_be_chance_asks_nobody() -> None:
    assert share_to_close(pods(0.20, 0.10), 60, 0.0) == 0.0


def test_pods_that_are_even_again_are_asked_for_less() -> None:
    even = pods(100, 101, 99)
    assert share_to_close(even, 60, 0.2) == share_to_close(even, 60, 0.1) == 0.1


@given(st.floats(0.0, 5000.0), SHARES)
def test_a_single_pod_keeps_its_connections(rate: float, current: float) -> None:
    assert share_to_close(pods(rate), 60, current) == 0.0


@given(RATES)
def test_rates_within_a_fifth_of_each_other_begin_nothing(rates: list[float]) -> None:
    if max(rates) <= BALANCED_RATIO * min(rates):
        assert share_to_close(pods(*rates), 60, 0.0) == 0.0


@given(RATES, SHARES)
def test_nobody_is_asked_for_more_than_a_fifth(rates: list[float], current: float) -> None:
    assert 0 <= share_to_close(pods(*rates), 60, current) <= 0.2


@pytest.mark.parametrize("seed", range(5))
def test_sixty_connections_of_one_pod_spread_over_three_and_stay_even(seed: int) -> None:
    """Each connection brings two requests a second; what the operator sees is the mean of the last minute."""
    random = Random(seed)
    places = [0] * 60
    seen: deque[list[float]] = deque([[120.0, 0.0, 0.0]] * WINDOW_SECONDS, maxlen=WINDOW_SECONDS)
    share, ratios = 0.0, []
    for second in range(600):
        rates = [sum(each[pod] for each in seen) / WINDOW_SECONDS for pod in range(3)]
        if second % CYCLE_SECONDS == 0:
            share = share_to_close(pods(*rates), WINDOW_SECONDS, share)
        for _ in range(2):
            places = [random.randrange(3) if random.random() < share else place for place in places]
        seen.append([2.0 * places.count(pod) for pod in range(3)])
        ratios.append(max(rates) / max(min(rates), 0.1))
    assert statistics.median(ratios[120:]) <= BALANCED_RATIO
    assert max(ratios[120:]) <= 1.5
