"""Whether anything may be done at all."""

from datetime import UTC, datetime

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Mode
from fastapi_tuning.control.guards import permission
from fastapi_tuning.control.guards.verdict import Hold
from fastapi_tuning.control.knobs import Knob
from tests.unit.control.builders import NOW, context, observation, proposal, spec, workload
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


def test_the_younger_of_two_objects_on_one_target_is_held() -> None:
    answer = permission.duplicate(UP, context(duplicate_of="elder"))

    assert isinstance(answer, Hold)
    assert answer.reason is Reason.DUPLICATE_TARGET
    assert "elder" in answer.message
    assert permission.duplicate(UP, context()) is None


def test_replicas_of_another_autoscaler_are_left_alone() -> None:
    owned = context(observation=observation(workload=workload(autoscaler="checkout-hpa")))
    answer = permission.another_autoscaler(UP, owned)

    assert isinstance(answer, Hold)
    assert answer.reason is Reason.ANOTHER_AUTOSCALER
    assert "checkout-hpa" in answer.message
    assert permission.another_autoscaler(UP, context()) is None


def test_a_suspended_object_does_not_act() -> None:
    assert reason(permission.suspended(UP, context(spec=spec(suspend=True)))) is Reason.SUSPENDED
    assert permission.suspended(UP, context()) is None


def test_a_paused_object_does_not_act_until_its_time_comes() -> None:
    later = datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC)

    assert reason(permission.paused(UP, context(paused_until=later))) is Reason.PAUSED
    assert permission.paused(UP, context(paused_until=NOW)) is None
    assert permission.paused(UP, context()) is None


def test_a_recommendation_is_said_and_not_done() -> None:
    assert reason(permission.mode_recommend(UP, context(mode=Mode.RECOMMEND))) is Reason.MODE_RECOMMEND
    assert permission.mode_recommend(UP, context()) is None
