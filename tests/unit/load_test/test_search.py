"""The search ends, stays within its bounds, and finds the knee."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.load_test.search import Bounds, End, Trial, failed, held, ladder, next_trial
from fastapi_tuning.load_test.step import Step, Verdict, moved, step_of
from tests.unit.load_test.builders import OBJECTIVES, bounds, overloaded_parts, step

ANY_BOUNDS = st.builds(
    Bounds,
    start=st.floats(1, 500),
    most=st.floats(1, 5000),
    grain=st.sampled_from([0.1, 1.0]),
    resolution=st.floats(0.02, 0.5),
    step_seconds=st.floats(10, 600),
    most_seconds=st.floats(60, 7200),
    most_bad_requests=st.integers(1, 100_000),
).map(lambda each: replace(each, start=min(each.start, each.most)))
FAR_TOO_MANY = 200


def unbounded(bounds: Bounds) -> Bounds:
    """The same with all the time and all the bad requests that it may want."""
    return replace(bounds, most_seconds=math.inf, most_bad_requests=10**9)


def searched(bounds: Bounds, capacity: float) -> tuple[list[Step], End]:
    """All steps against a service that carries `capacity` requests a second; each takes as long as it should."""
    steps: list[Step] = []
    spent = 0.0
    while isinstance(trial := next_trial(steps, bounds, spent), Trial):
        spent += trial.rest_seconds + trial.load_seconds + bounds.overhead_seconds
        steps.append(step_of(trial.level, *overloaded_parts(trial, capacity), OBJECTIVES, 1))
        assert len(steps) < FAR_TOO_MANY, "it does not end"
    return steps, trial


@given(ANY_BOUNDS, st.floats(0.1, 10_000))
def test_it_never_exceeds_what_was_allowed(bounds: Bounds, capacity: float) -> None:
    steps, _ = searched(bounds, capacity)
    assert all(each.level <= bounds.most for each in steps)
    assert sum(each.seconds + bounds.overhead_seconds for each in steps) <= bounds.most_seconds


def test_a_bound_a_hair_below_a_multiple_of_the_grain_is_not_exceeded() -> None:
    allowed = bounds(start=1.0, most=2 - 1e-12, grain=0.1)
    assert allowed.level_near(2.0) <= allowed.most
    assert allowed.level_near(allowed.highest) == allowed.highest


@given(ANY_BOUNDS, st.lists(st.sampled_from(Verdict), max_size=FAR_TOO_MANY))
def test_it_ends_whatever_the_service_does(bounds: Bounds, verdicts: list[Verdict]) -> None:
    endless, steps = unbounded(bounds), list[Step]()
    for verdict in [*verdicts, *[Verdict.HELD] * FAR_TOO_MANY]:
        trial = next_trial(steps, endless, 0.0)
        if isinstance(trial, End):
            return
        assert endless.grain <= trial.level <= endless.most
        steps.append(step(trial.level).model_copy(update={"verdict": verdict}))
    pytest.fail("it does not end")


@given(st.floats(2, 190), st.floats(0.02, 0.5), st.sampled_from([0.1, 1.0]))
def test_it_finds_the_knee_within_a_step(capacity: float, resolution: float, grain: float) -> None:
    """Held below, failed above, and both as close as asked for; a failure must be significant to be one."""
    wanted = unbounded(bounds(most=1000.0, grain=grain, resolution=resolution))
    steps, end = searched(wanted, capacity)
    best, worst = held(steps), failed(steps)
    assert end is End.KNEE_FOUND
    assert best is not None
    assert worst is not None
    assert worst.level - best.level <= max(grain, resolution * best.level) * 1.001
    assert capacity < worst.level
    assert best.level <= 1.05 * capacity, "what held was above what the service carries by more than chance allows"


def test_a_service_that_carries_all_is_said_to() -> None:
    steps, end = searched(bounds(), 10_000)
    assert end is End.MOST_HELD
    assert tuple(each.level for each in steps) == ladder(bounds()) == (10, 20, 40, 80, 160, 200)


def test_a_service_that_carries_nothing_is_said_to() -> None:
    steps, end = searched(unbounded(bounds()), 0.1)
    assert end is End.NOTHING_HELD
    assert min(each.level for each in steps) == bounds().least


def test_time_and_bad_requests_are_bounded_over_all_steps() -> None:
    assert searched(bounds(most_seconds=100.0), 10_000)[1] is End.TIME_SPENT
    steps, end = searched(bounds(most_bad_requests=300), 50)
    assert end is End.ERROR_BUDGET_SPENT
    assert sum(each.bad for each in steps[:-1]) < 300


def test_what_a_step_may_cost_is_what_is_left() -> None:
    spent = step(80.0, late=100)
    trial = next_trial([step(40.0), spent], bounds(most_bad_requests=1000), 0.0)
    assert isinstance(trial, Trial)
    assert trial.most_bad_requests == 900


def test_a_step_after_a_failure_waits_for_the_queue_to_go() -> None:
    first = next_trial([], bounds(), 0.0)
    after = next_trial([step(10.0), step(20.0, late=300)], bounds(), 0.0)
    assert isinstance(first, Trial)
    assert isinstance(after, Trial)
    assert (first.rest_seconds, after.rest_seconds) == (0.0, bounds().rest_seconds)


def test_a_low_level_takes_long_enough_to_be_judged() -> None:
    trial = next_trial([], bounds(start=2.0), 0.0)
    assert isinstance(trial, Trial)
    assert trial.seconds * 2.0 >= 200


@pytest.mark.parametrize(
    ("once", "end"),
    [(moved(step(10.0)), End.TARGET_MOVED), (step(10.0, late=99, generator_lag_p99_seconds=1.0), End.GENERATOR_LATE)],
)
def test_what_says_nothing_is_tried_once_more(once: Step, end: End) -> None:
    again = next_trial([once], bounds(), 0.0)
    assert isinstance(again, Trial)
    assert again.level == once.level
    assert next_trial([once, once], bounds(), 0.0) is end


def test_a_service_that_was_cold_in_the_first_step_is_given_a_second() -> None:
    again = next_trial([step(10.0, late=100)], bounds(), 0.0)
    assert isinstance(again, Trial)
    assert again.level == 10
    onward = next_trial([step(10.0, late=100), step(10.0)], bounds(), 0.0)
    assert isinstance(onward, Trial)
    assert onward.level == 20


def test_users_of_a_closed_loop_are_whole() -> None:
    steps, _ = searched(unbounded(bounds(grain=1.0, start=1.0, most=60.0)), 17.0)
    assert all(each.level == int(each.level) for each in steps)
