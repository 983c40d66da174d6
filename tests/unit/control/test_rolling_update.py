"""Pods beside the replicas, as the Deployment controller counts them."""

import pytest

from fastapi_tuning.control.rolling_update import PodCount, RollingUpdate


@pytest.mark.parametrize(("replicas", "pods"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_a_share_of_pods_surges_rounded_up(replicas: int, pods: int) -> None:
    assert RollingUpdate().surge(replicas) == pods


@pytest.mark.parametrize(("replicas", "pods"), [(1, 1 + 0), (4, 1 + 1), (7, 2 + 1), (8, 2 + 2)])
def test_a_batch_that_ends_is_the_surge_and_what_may_be_missing_rounded_down(replicas: int, pods: int) -> None:
    assert RollingUpdate().turnover(replicas) == pods


def test_counts_are_counts_for_any_number_of_replicas() -> None:
    update = RollingUpdate(max_surge=PodCount(pods=3), max_unavailable=PodCount(pods=2))

    assert (update.surge(100), update.turnover(100)) == (3, 5)


def test_a_rollout_that_may_neither_surge_nor_miss_a_pod_misses_one_all_the_same() -> None:
    still = RollingUpdate(max_surge=PodCount(), max_unavailable=PodCount())

    assert (still.surge(4), still.turnover(4)) == (0, 1)
