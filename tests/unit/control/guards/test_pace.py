"""How fast replicas may move."""

from dataclasses import replace
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.guards import pace
from fastapi_tuning.control.guards.verdict import Context
from fastapi_tuning.control.knobs import Knob
from tests.unit.control.builders import ago, context, estimate, history, needs, proposal, spec
from tests.unit.control.guards.answers import reason, value

UP, DOWN, STAY = proposal(4, 6), proposal(4, 2), proposal(4, 4)


def stabilising(seconds_up: int = 0, seconds_down: int = 300, **memory: Any) -> Context:
    rules = {
        "min": 1,
        "max": 20,
        "scale_up": {"stabilization_seconds": seconds_up},
        "scale_down": {"stabilization_seconds": seconds_down},
    }
    return context(spec=spec(replicas=rules), history=history(**memory))


def test_replicas_fall_no_lower_than_the_most_that_was_needed_within_the_window() -> None:
    answer = pace.stabilization(proposal(8, 2), stabilising(needs=needs((200, 5), (100, 3))))

    assert value(answer) == 5
    assert reason(answer) is Reason.STABILIZING


def test_a_need_above_the_present_replicas_is_no_reason_to_rise() -> None:
    assert value(pace.stabilization(proposal(8, 2), stabilising(needs=needs((100, 15))))) == 8


def test_a_need_older_than_the_window_and_its_slot_counts_no_more() -> None:
    assert value(pace.stabilization(proposal(8, 2), stabilising(needs=needs((330, 5))))) == 5
    assert pace.stabilization(proposal(8, 2), stabilising(needs=needs((331, 5), (100, 2)))) is None


def test_without_a_window_replicas_fall_at_once() -> None:
    assert pace.stabilization(proposal(8, 2), stabilising(seconds_down=0, needs=needs((15, 7)))) is None


def test_nothing_falls_before_the_window_was_watched_whole() -> None:
    young = stabilising(observed_since=ago(299))
    for knob in Knob:
        down, up = replace(DOWN, knob=knob), replace(UP, knob=knob)

        assert reason(pace.own_watch(down, young)) is Reason.STABILIZING
        assert reason(pace.own_watch(down, stabilising(observed_since=None))) is Reason.STABILIZING
        assert pace.own_watch(down, stabilising(observed_since=ago(300))) is None
        assert pace.own_watch(up, young) is None
        assert pace.own_watch(replace(STAY, knob=knob), young) is None


def test_replicas_rise_at_once_unless_a_window_is_asked_for() -> None:
    memory = needs((30, 5), (60, 2))

    assert pace.stabilization(proposal(4, 8), stabilising(needs=memory)) is None
    assert value(pace.stabilization(proposal(4, 8), stabilising(seconds_up=45, needs=memory))) == 5
    assert value(pace.stabilization(proposal(4, 8), stabilising(seconds_up=60, needs=memory))) == 4
    assert pace.stabilization(proposal(4, 8), stabilising(seconds_up=10, needs=memory)) is None


def test_a_window_has_nothing_to_say_to_replicas_that_stay() -> None:
    assert pace.stabilization(STAY, stabilising(observed_since=None)) is None


def test_a_need_beyond_the_bounds_does_not_keep_replicas_beyond_them() -> None:
    assert pace.stabilization(proposal(25, 20), stabilising(needs=needs((30, 30)))) is None


def test_a_panic_does_not_wait_for_a_window() -> None:
    memory = stabilising(seconds_up=60, needs=needs((30, 5), (60, 2)))

    assert pace.stabilization(proposal(4, 8), replace(memory, estimate=estimate(shedding=True))) is None


def test_what_goes_back_to_where_it_was_does_not_either() -> None:
    memory = stabilising(seconds_up=60, needs=needs((30, 5), (60, 2)))

    assert pace.stabilization(proposal(4, 5, reason=Reason.UNDONE), memory) is None


@pytest.mark.parametrize(
    ("current", "wanted", "reached"),
    [
        pytest.param(2, 20, 6, id="up: four pods where that is more than double"),
        pytest.param(6, 20, 12, id="up: double where that is more than four pods"),
        pytest.param(2, 6, None, id="up: within the step"),
        pytest.param(20, 1, 18, id="down: a tenth where that is more than a pod"),
        pytest.param(5, 1, 4, id="down: one pod"),
        pytest.param(5, 4, None, id="down: within the step"),
        pytest.param(4, 4, None, id="no move"),
        pytest.param(None, 4, None, id="unknown"),
    ],
)
def test_a_step_is_the_larger_of_a_share_and_a_number_of_pods(
    current: int | None, wanted: int, reached: int | None
) -> None:
    answer = pace.step(proposal(current, wanted), context())

    assert reason(answer) is (None if reached is None else Reason.STEP_LIMITED)
    assert reached is None or value(answer) == reached


def test_a_step_is_not_cut_short_of_the_bounds() -> None:
    bounded = context(spec=spec(replicas={"min": 10, "max": 12}))

    assert pace.step(proposal(1, 10), bounded) is None
    assert value(pace.step(proposal(1, 11), bounded)) == 10
    assert pace.step(proposal(40, 12), bounded) is None
    assert value(pace.step(proposal(40, 11), bounded)) == 12


def test_one_step_of_each_direction_is_taken_a_period() -> None:
    just = context(history=history(last_scale_up_time=ago(14), last_scale_down_time=ago(59)))
    long_ago = context(history=history(last_scale_up_time=ago(15), last_scale_down_time=ago(60)))

    for move in (proposal(4, 5), proposal(4, 3)):
        assert reason(pace.step(move, just)) is Reason.RATE_LIMITED
        assert pace.step(move, long_ago) is None
