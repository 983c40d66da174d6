"""Whether anything may be done at all."""

from datetime import UTC, datetime, timedelta

import pytest

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Mode
from fastapi_tuning.control.guards import permission
from fastapi_tuning.control.guards.verdict import Hold
from fastapi_tuning.control.knobs import Knob
from tests.unit.control.builders import NOW, context, foreign_owner, proposal, spec, stop
from tests.unit.control.guards.answers import reason

UP = proposal(4, 6)


@pytest.mark.parametrize(
    ("knob", "least", "greatest"),
    [
        (Knob.REPLICAS, 3, 5),
        (Knob.THREADS, 8, 64),
        (Knob.LIMIT_CONCURRENCY, 20, 90),
        (Knob.TIMEOUT_KEEP_ALIVE, 4, 30),
        (Knob.LIMIT_MAX_REQUESTS, 5000, 5000),
        (Knob.WORKERS, 1, 1),
    ],
)
def test_every_knob_stays_within_the_bounds_of_the_spec(knob: Knob, least: int, greatest: int) -> None:
    bounded = context(
        spec=spec(
            replicas={"min": 3, "max": 5},
            thread_pool={"min": 8, "max": 64},
            uvicorn={
                "limit_concurrency": {"min": 20, "max": 90},
                "timeout_keep_alive": {"min": 4, "max": 30},
                "limit_max_requests": {"requests": 5000},
            },
        )
    )
    above, below, inside = (proposal(2, wanted, knob=knob) for wanted in (greatest + 1, least - 1, least))

    high, low = permission.bounds(above, bounded), permission.bounds(below, bounded)
    assert high is not None
    assert low is not None
    assert (high.value, high.reason) == (greatest, Reason.AT_MAXIMUM)
    assert (low.value, low.reason) == (least, Reason.AT_MINIMUM)
    assert permission.bounds(inside, bounded) is None


def test_a_knob_that_is_off_is_held() -> None:
    assert reason(permission.mode_off(UP, context(mode=Mode.OFF))) is Reason.MODE_OFF
    assert permission.mode_off(UP, context(mode=Mode.RECOMMEND)) is None


def test_what_somebody_else_owns_is_left_alone_and_the_rest_is_not() -> None:
    owned = context(owners=(foreign_owner(),))
    answer = permission.foreign_owner(UP, owned)

    assert isinstance(answer, Hold)
    assert answer.reason is Reason.ANOTHER_AUTOSCALER
    assert answer.message == "spec.replicas is owned by HorizontalPodAutoscaler checkout-hpa"
    assert permission.foreign_owner(proposal(40, 60, knob=Knob.THREADS), owned) is None
    assert permission.foreign_owner(UP, context()) is None


def test_an_owner_may_hold_one_direction_only() -> None:
    owned = context(owners=(foreign_owner(direction=Direction.SCALE_IN),))

    assert permission.foreign_owner(UP, owned) is None
    assert reason(permission.foreign_owner(proposal(4, 2), owned)) is Reason.ANOTHER_AUTOSCALER


def test_a_suspended_object_does_not_act() -> None:
    assert reason(permission.suspended(UP, context(spec=spec(suspend=True)))) is Reason.SUSPENDED
    assert permission.suspended(UP, context()) is None


def test_a_paused_object_does_not_act_until_its_time_comes() -> None:
    later = datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC)

    assert reason(permission.stopped(UP, context(stops=(stop(later),)))) is Reason.PAUSED
    assert permission.stopped(UP, context()) is None


@pytest.mark.parametrize(
    ("direction", "stopped"),
    [(Direction.BOTH, {"up", "down", "threads"}), (Direction.SCALE_IN, {"down"}), (Direction.SCALE_OUT, {"up"})],
)
def test_a_stop_of_one_direction_stops_replicas_that_go_its_way(direction: Direction, stopped: set[str]) -> None:
    moves = {"up": UP, "down": proposal(4, 2), "threads": proposal(60, 40, knob=Knob.THREADS)}
    during = context(stops=(stop(NOW + timedelta(hours=1), direction=direction),))

    assert {name for name, move in moves.items() if permission.stopped(move, during) is not None} == stopped


def test_a_recommendation_is_said_and_not_done() -> None:
    assert reason(permission.mode_recommend(UP, context(mode=Mode.RECOMMEND))) is Reason.MODE_RECOMMEND
    assert permission.mode_recommend(UP, context()) is None
