"""The integral of busy threads against integrals done by hand and by brute force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning_agent.busy_time import BusyTime


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_adds_up_threads_times_seconds() -> None:
    clock = Clock()
    busy_time = BusyTime(clock, busy=0)
    busy_time.change(busy=1)
    clock.seconds += 2
    busy_time.change(busy=3)
    clock.seconds += 1
    busy_time.change(busy=0, finished_calls=3)
    clock.seconds += 10
    assert busy_time.busy_seconds() == 1 * 2 + 3 * 1
    assert busy_time.calls() == 3


def test_counts_running_calls_before_they_finish() -> None:
    clock = Clock()
    busy_time = BusyTime(clock, busy=2)
    clock.seconds += 5
    assert busy_time.busy_seconds() == 10
    assert busy_time.calls() == 0


def test_reading_changes_nothing() -> None:
    clock = Clock()
    busy_time = BusyTime(clock, busy=2)
    clock.seconds += 5
    assert busy_time.busy_seconds() == busy_time.busy_seconds()


def test_never_falls_when_a_reader_looked_at_the_clock_before_the_last_change() -> None:
    clock = Clock()
    busy_time = BusyTime(clock, busy=1)
    clock.seconds += 3
    busy_time.change(busy=1)
    clock.seconds -= 1
    assert busy_time.busy_seconds() == 3


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10)), max_size=30))
def test_equals_the_sum_of_the_hold_times_of_all_calls(calls: list[tuple[float, float]]) -> None:
    """Little's law, exactly: whatever the calls overlap, the integral is the sum of how long each one took."""
    clock = Clock()
    clock.seconds = 0.0
    busy_time = BusyTime(clock, busy=0)
    edges = sorted(
        [(start, 0, 1) for start, _ in calls] + [(start + hold, 1, -1) for start, hold in calls],
    )
    busy = 0
    for seconds, finished, step in edges:
        clock.seconds = seconds
        busy += step
        busy_time.change(busy=busy, finished_calls=finished)
    assert busy_time.busy_seconds() == pytest.approx(sum(hold for _, hold in calls))
    assert busy_time.calls() == len(calls)


def test_what_was_told_is_never_taken_back() -> None:
    """The writer read its clock, then the reader did, then the writer noted the change."""
    clock = Clock()
    busy_time = BusyTime(clock, busy=2)
    clock.seconds += 5
    told = busy_time.busy_seconds()
    clock.seconds -= 0.001
    busy_time.change(busy=0, finished_calls=2)
    clock.seconds += 0.002
    assert busy_time.busy_seconds() == told
