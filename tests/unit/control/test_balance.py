"""Who is asked to send clients away, and how many."""

import math

from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.control.balance import BALANCED_RATIO, shares_to_close
from fastapi_tuning.control.observation import PodTraffic

RATES = st.lists(st.floats(0.0, 5000.0), min_size=1, max_size=20)


def pods(*rates: float) -> tuple[PodTraffic, ...]:
    return tuple(PodTraffic(pod=f"pod-{index}", served_per_second=rate) for index, rate in enumerate(rates))


def test_a_new_pod_makes_the_old_ones_share_their_connections() -> None:
    assert set(shares_to_close(pods(150, 150, 0), 60)) == {"pod-0", "pod-1"}


def test_only_the_hot_pod_is_asked() -> None:
    assert set(shares_to_close(pods(200, 100, 100), 60)) == {"pod-0"}


def test_the_hotter_pod_gives_more() -> None:
    shares = shares_to_close(pods(130, 115, 60), 60)
    assert shares["pod-0"] > shares["pod-1"]


def test_an_excess_that_may_be_chance_asks_nobody() -> None:
    assert shares_to_close(pods(0.20, 0.10), 60) == {}


@given(RATES)
def test_rates_within_a_fifth_of_each_other_are_left_alone(rates: list[float]) -> None:
    if max(rates) <= BALANCED_RATIO * min(rates):
        assert shares_to_close(pods(*rates), 60) == {}


@given(RATES)
def test_nobody_below_the_mean_is_asked_and_nobody_for_more_than_a_fifth(rates: list[float]) -> None:
    mean = sum(rates) / len(rates)
    for name, share in shares_to_close(pods(*rates), 60).items():
        assert rates[int(name.removeprefix("pod-"))] > mean
        assert 0 < share <= 0.2


def test_asked_shares_even_the_pods_out() -> None:
    """Each window, that share of a hot pod's load goes to all pods alike, as a Service does with new connections."""
    rates = [300.0, 300.0, 0.0]
    for _ in range(20):
        shares = shares_to_close(pods(*rates), 60)
        moved = [rate * shares.get(f"pod-{index}", 0.0) for index, rate in enumerate(rates)]
        rates = [rate - gone + sum(moved) / len(rates) for rate, gone in zip(rates, moved, strict=True)]
    assert max(rates) <= BALANCED_RATIO * min(rates)
    assert math.isclose(sum(rates), 600.0)
