"""The oracles, with services whose best setting is known by arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.simulate.oracles import OutOfReach, Setting, best_static, capacity_table, plan
from fastapi_tuning.simulate.scaler import FloatArray

GRID = (10, 20, 40, 80)


@pytest.mark.parametrize(
    ("pods_by_threads", "best"),
    [
        ({10: 8, 20: 4, 40: 3, 80: 3}, Setting(replicas=3, threads=40)),
        ({10: 5, 20: 6, 40: 7, 80: 8}, Setting(replicas=5, threads=10)),
        ({10: 99, 20: 99, 40: 99, 80: 1}, Setting(replicas=1, threads=80)),
        ({10: 1, 20: 1, 40: 1, 80: 1}, Setting(replicas=1, threads=10)),
    ],
)
def test_the_static_oracle_finds_the_fewest_pods_and_the_first_thread_count_that_allows_them(
    pods_by_threads: dict[int, int], best: Setting
) -> None:
    def keeps(replicas: int, threads: int) -> bool:
        return replicas >= pods_by_threads[threads]

    assert best_static(keeps, threads_grid=GRID, most_replicas=32) == best


@given(st.dictionaries(st.sampled_from(GRID), st.integers(1, 40), min_size=len(GRID)))
def test_the_static_oracle_agrees_with_a_look_at_every_setting(pods_by_threads: dict[int, int]) -> None:
    fewest = min(pods_by_threads.values())

    def search() -> Setting:
        return best_static(lambda n, threads: n >= pods_by_threads[threads], threads_grid=GRID, most_replicas=32)

    if fewest > 32:
        with pytest.raises(OutOfReach, match="32 replicas"):
            search()
    else:
        assert search().replicas == fewest


def test_a_pod_carries_what_it_carries_to_one_part_in_sixty_four() -> None:
    table = capacity_table(lambda n, rate: rate <= 30.0 * n, tried=(1, 4), most_replicas=4, highest_per_pod=64.0)

    assert table.tolist() == [0.0, 30.0, 60.0, 90.0, 120.0]


def test_a_pods_share_changes_in_a_straight_line_between_the_numbers_tried_and_not_beyond() -> None:
    per_pod = {1: 40.0, 3: 32.0}

    table = capacity_table(lambda n, rate: rate <= per_pod[n] * n, tried=(1, 3), most_replicas=4, highest_per_pod=64.0)

    assert table.tolist() == [0.0, 40.0, 72.0, 96.0, 128.0]


def test_a_service_that_carries_nothing_has_no_capacity() -> None:
    assert capacity_table(lambda n, rate: False, tried=(1,), most_replicas=1, highest_per_pod=64.0).tolist() == [
        0.0,
        0.0,
    ]


def rates(*minutes: float) -> FloatArray:
    return np.repeat(np.array(minutes), 60)


TENS: FloatArray = 10.0 * np.arange(11, dtype=np.float64)


def test_the_plan_takes_the_fewest_pods_for_each_minute_and_orders_them_ahead() -> None:
    found = plan(rates(10, 35, 35, 20), TENS, margin=1.0, lead_seconds=15, least_replicas=1)

    assert found == [(0.0, 1), (45.0, 4), (180.0, 2)]


def test_a_lead_of_over_a_minute_sees_over_the_minutes_between() -> None:
    found = plan(rates(10, 10, 50, 10), TENS, margin=1.0, lead_seconds=90, least_replicas=1)

    assert found == [(0.0, 1), (30.0, 5), (180.0, 1)]


def test_the_busiest_ten_seconds_of_a_minute_decide() -> None:
    curve = rates(10, 10)
    curve[70:80] = 60.0

    assert plan(curve, TENS, margin=1.0, lead_seconds=0, least_replicas=1) == [(0.0, 1), (60.0, 6)]


def test_the_margin_scales_what_a_pod_is_trusted_with() -> None:
    assert plan(rates(40), TENS, margin=0.8, lead_seconds=0, least_replicas=1) == [(0.0, 5)]


def test_the_plan_stays_within_the_bounds() -> None:
    found = plan(rates(1, 1000), TENS, margin=1.0, lead_seconds=0, least_replicas=2)

    assert found == [(0.0, 2), (60.0, 10)]
