"""Numbers that are none never leave the door of the core."""

import math
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.observation import NoData, checked
from tests.unit.control.builders import NO_DATA, pod_traffic, traffic


@pytest.mark.parametrize("poison", [math.nan, math.inf, -1.0])
@pytest.mark.parametrize("name", ["fast_per_second", "average_latency_seconds", "recent_per_second", "shed_per_second"])
def test_a_window_with_a_number_that_is_none_is_no_data(name: str, poison: float) -> None:
    spoilt: dict[str, Any] = {name: poison}
    found = checked(traffic(**spoilt))

    assert isinstance(found, NoData)
    assert found.reason is Reason.UNUSABLE_SAMPLES


@pytest.mark.parametrize("name", ["cpu_cores", "threads_waiting", "thread_seconds_per_request", "open_connections"])
def test_so_is_one_in_which_a_single_pod_shows_such_a_number(name: str) -> None:
    spoilt: dict[str, Any] = {name: math.nan}

    assert isinstance(checked(traffic(pods=(pod_traffic(**spoilt),))), NoData)


def test_traffic_without_requests_contradicts_itself() -> None:
    assert isinstance(checked(traffic(requests_per_second=0.0)), NoData)
    assert isinstance(checked(traffic(queue_growth_per_second=math.nan)), NoData)


def test_more_fast_requests_than_there_are_contradict_themselves() -> None:
    assert isinstance(checked(traffic(fast_per_second=111.0)), NoData)


def test_two_queries_over_windows_of_their_own_may_differ_a_little() -> None:
    assert checked(traffic(fast_per_second=105.0)) == traffic(fast_per_second=105.0)


def test_sound_signals_pass_as_they_are() -> None:
    for sound in (traffic(), traffic(queue_growth_per_second=-5.0), NO_DATA):
        assert checked(sound) is sound
