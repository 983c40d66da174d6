"""Run → Score, on runs whose sums anybody can do."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.simulate.scaler import Command
from fastapi_tuning.simulate.score import replica_steps, score, step_response
from tests.unit.simulate.runs import run, seconds


def test_a_slot_with_one_bad_request_in_a_hundred_is_no_violation_and_one_with_more_is() -> None:
    exactly = run(late=seconds(600, 0.0, (100, 110, 1.0)))
    more = run(late=seconds(600, 0.0, (100, 110, 1.1)))

    assert score(exactly, warm_up_seconds=0).violation_seconds == 0
    assert score(more, warm_up_seconds=0).violation_seconds == 10


@pytest.mark.parametrize("kind", ["late", "failed", "shed"])
def test_late_failed_and_shed_requests_are_equally_bad(kind: str) -> None:
    stretch: dict[str, Any] = {kind: seconds(600, 0.0, (0, 60, 10.0))}

    found = score(run(**stretch), warm_up_seconds=0)

    assert found.violation_seconds == 60
    assert found.bad_share == pytest.approx(0.01)
    assert found.goodput_share == pytest.approx(0.99)
    assert found.shed_share == pytest.approx(0.01 if kind == "shed" else 0.0)


def test_the_warm_up_counts_for_nothing() -> None:
    troubled_start = run(late=seconds(600, 0.0, (0, 300, 50.0)), pods_created=seconds(600, 2.0, (0, 300, 9.0)))

    found = score(troubled_start, warm_up_seconds=300)

    assert (found.violation_seconds, found.bad_share, found.replica_seconds) == (0, 0.0, 600.0)
    assert found.seconds == 300


def test_a_warm_up_must_leave_something() -> None:
    with pytest.raises(ValueError, match="leave nothing"):
        score(run(), warm_up_seconds=600)


def test_what_is_left_open_at_the_end_counts_for_nothing_when_the_end_is_left_out() -> None:
    open_at_the_end = run(late=seconds(600, 0.0, (595, 600, 100.0)))

    assert score(open_at_the_end, warm_up_seconds=0).violation_seconds == 10
    assert score(open_at_the_end, warm_up_seconds=0, cool_down_seconds=10).violation_seconds == 0


def test_pods_cost_from_their_creation() -> None:
    assert score(run(pods_created=seconds(600, 2.0, (100, 200, 5.0))), warm_up_seconds=0).replica_seconds == 1500.0


def test_an_objective_is_kept_with_one_bad_request_in_a_hundred_over_the_run() -> None:
    assert score(run(late=seconds(600, 1.0)), warm_up_seconds=0).kept_objective
    assert not score(run(late=seconds(600, 1.1)), warm_up_seconds=0).kept_objective


def test_silence_is_neither_good_nor_a_violation() -> None:
    found = score(run(offered=seconds(600, 0.0)), warm_up_seconds=0)

    assert (found.violation_seconds, found.bad_share, found.goodput_share) == (0, 0.0, 0.0)


def test_changes_of_direction_count_as_reversals() -> None:
    commands = tuple(
        (float(second), Command(replicas=replicas)) for second, replicas in ((10, 4), (20, 6), (30, 5), (40, 7))
    )
    found = score(run(commands=commands), warm_up_seconds=0)

    assert (found.scale_actions, found.reversals) == (4, 2)


def test_commands_that_move_no_pods_are_no_scale_actions() -> None:
    commands = ((10.0, Command(replicas=2)), (20.0, Command(threads=80)), (30.0, Command(replicas=3)))

    assert replica_steps(run(commands=commands), 0.0, 600.0) == [1]


def test_actions_of_the_warm_up_set_the_scene_but_do_not_count() -> None:
    commands = ((10.0, Command(replicas=6)), (400.0, Command(replicas=5)))

    assert replica_steps(run(commands=commands), 300.0, 600.0) == [-1]


def test_the_objective_is_back_with_the_first_of_three_clean_slots() -> None:
    bad = seconds(600, 0.0, (310, 330, 50.0), (350, 360, 50.0))

    assert step_response(run(late=bad), at_seconds=300).time_to_objective_seconds == 60.0


def test_an_objective_that_held_throughout_needed_no_time() -> None:
    assert step_response(run(), at_seconds=300).time_to_objective_seconds == 0.0


def test_an_objective_that_never_holds_again_has_no_time() -> None:
    assert (
        step_response(run(late=seconds(600, 0.0, (300, 600, 50.0))), at_seconds=300).time_to_objective_seconds is None
    )


def test_overshoot_compares_the_most_pods_with_those_at_the_end() -> None:
    pods = seconds(600, 2.0, (310, 400, 12.0), (400, 600, 8.0))

    assert step_response(run(pods_created=pods), at_seconds=300).overshoot == pytest.approx(1.5)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=120), st.integers(0, 119))
def test_shares_and_violations_stay_within_the_run(bad: list[float], warm_up: int) -> None:
    length = len(bad)
    if warm_up >= length:
        return
    found = score(run(length, late=np.array(bad)), warm_up_seconds=warm_up)

    assert 0.0 <= found.bad_share <= 1.0
    assert found.bad_share + found.goodput_share == pytest.approx(1.0)
    assert 0 <= found.violation_seconds <= found.seconds + 9
