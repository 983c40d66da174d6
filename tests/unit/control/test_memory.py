"""The memory in the status: bounded, and honest about gaps."""

from datetime import timedelta

import pytest

from fastapi_tuning.api.status import History
from fastapi_tuning.control import memory
from fastapi_tuning.control.decide import Knob
from tests.unit.control.builders import NOW, ago, capacity, estimate, history, needs, proposal


def test_the_first_observation_starts_the_watch() -> None:
    found = memory.remember_watch(History(), NOW, interval_seconds=15)

    assert (found.observed_since, found.last_observation_time) == (NOW, NOW)


def test_the_watch_goes_on_over_a_short_gap() -> None:
    found = memory.remember_watch(history(last_observation_time=ago(90)), NOW, interval_seconds=15)

    assert found.observed_since == ago(3600)
    assert found.last_observation_time == NOW


def test_the_watch_starts_anew_after_a_long_gap() -> None:
    found = memory.remember_watch(history(last_observation_time=ago(91)), NOW, interval_seconds=15)

    assert found.observed_since == NOW


def test_three_intervals_are_no_gap_where_the_interval_is_long() -> None:
    found = memory.remember_watch(history(last_observation_time=ago(300)), NOW, interval_seconds=100)

    assert found.observed_since == ago(3600)


def test_a_history_without_a_start_gets_one() -> None:
    found = memory.remember_watch(history(observed_since=None), NOW, interval_seconds=15)

    assert found.observed_since == NOW


@pytest.mark.parametrize(("replicas", "kept"), [(3, 5), (8, 8)])
def test_needs_within_a_slot_are_kept_as_their_maximum(replicas: int, kept: int) -> None:
    found = memory.remember_need(history(needs=needs((20, 5))), NOW, replicas)

    assert [(need.time, need.replicas) for need in found.needs] == [(ago(20), kept)]


def test_a_need_after_the_slot_opens_the_next_one() -> None:
    found = memory.remember_need(history(needs=needs((30, 5))), NOW, 3)

    assert [need.replicas for need in found.needs] == [5, 3]


def test_needs_older_than_the_longest_window_are_forgotten() -> None:
    found = memory.remember_need(history(needs=needs((3601, 9), (3600, 5))), NOW, 3)

    assert [need.replicas for need in found.needs] == [5, 3]


def test_the_status_never_holds_more_needs_than_its_schema_allows() -> None:
    found = history()
    for step in range(1000):
        found = memory.remember_need(found, NOW + timedelta(seconds=step * 15), 3)

    assert len(History.model_validate(found.model_dump()).needs) <= 128


def test_what_is_learned_of_a_pod_is_read_back_as_it_was_written() -> None:
    found = memory.remember_capacity(history(), "one", estimate(), trim=-0.125).learned

    assert found.template_hash == "one"
    assert float(found.service_seconds) == pytest.approx(0.1)
    assert found.cpu_seconds_per_request == "", "unknown is not a zero"
    assert float(found.feedback) == pytest.approx(-0.125)


def test_the_number_of_pods_that_replaces_the_workers_is_remembered() -> None:
    assert memory.remember_worker_pods(history(), (proposal(2, 8),)).pods_for_one_worker == 8


def test_the_change_of_the_worker_count_itself_alters_no_memory() -> None:
    before = history(pods_for_one_worker=8)

    assert memory.remember_worker_pods(before, (proposal(4, 1, knob=Knob.WORKERS),)) == before
    assert memory.remember_worker_pods(before, ()) == before


def test_an_unknown_service_time_leaves_no_number_behind() -> None:
    unknown = estimate(capacity=capacity(service_seconds=None))

    assert memory.remember_capacity(history(), "one", unknown, trim=0.0).learned.service_seconds == ""
