"""Each rule that may change or stop a proposal: when it speaks, and when it keeps silent."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import MetricsSource, Mode
from fastapi_tuning.control import guard
from fastapi_tuning.control.decide import Knob
from fastapi_tuning.control.guard import Clamp, Hold
from fastapi_tuning.control.observation import NoTraffic
from tests.unit.control.builders import (
    NO_DATA,
    NOW,
    ago,
    context,
    history,
    needs,
    observation,
    proposal,
    spec,
    traffic,
    workload,
)

UP, DOWN, STAY = proposal(4, 6), proposal(4, 2), proposal(4, 4)
RESTART = proposal(40, 80, knob=Knob.THREADS, reason=Reason.THREADS_BIND)


def reason(answer: Clamp | Hold | None) -> Reason | None:
    return None if answer is None else answer.reason


def value(answer: Clamp | Hold | None) -> int:
    assert isinstance(answer, Clamp)
    return answer.value


def seen(**changes: Any) -> guard.Context:
    """A context whose workload differs."""
    return context(observation=observation(workload=workload(**{"desired_replicas": 4, **changes})))


def test_a_knob_that_is_off_is_held() -> None:
    assert reason(guard.mode_off(UP, context(mode=Mode.OFF))) is Reason.MODE_OFF
    assert guard.mode_off(UP, context(mode=Mode.RECOMMEND)) is None


def test_the_younger_of_two_objects_on_one_target_is_held() -> None:
    answer = guard.duplicate(UP, context(duplicate_of="elder"))

    assert isinstance(answer, Hold)
    assert answer.reason is Reason.DUPLICATE_TARGET
    assert "elder" in answer.message
    assert guard.duplicate(UP, context()) is None


def test_during_a_rollout_only_more_pods_for_a_missed_objective_pass() -> None:
    rolling = seen(rollout_in_progress=True)
    suffering = replace(rolling, objective_missed=True)

    assert reason(guard.rollout_in_progress(UP, rolling)) is Reason.ROLLOUT_IN_PROGRESS
    assert guard.rollout_in_progress(UP, suffering) is None
    assert reason(guard.rollout_in_progress(DOWN, suffering)) is Reason.ROLLOUT_IN_PROGRESS
    assert reason(guard.rollout_in_progress(RESTART, suffering)) is Reason.ROLLOUT_IN_PROGRESS
    assert guard.rollout_in_progress(DOWN, context()) is None


def test_replicas_of_another_autoscaler_are_left_alone() -> None:
    answer = guard.another_autoscaler(UP, seen(autoscaler="checkout-hpa"))

    assert isinstance(answer, Hold)
    assert answer.reason is Reason.ANOTHER_AUTOSCALER
    assert "checkout-hpa" in answer.message
    assert guard.another_autoscaler(UP, context()) is None


@pytest.mark.parametrize(
    "signals",
    [traffic(scraped_pods=3), NoTraffic(source=MetricsSource.FASTAPI_INSTRUMENTATOR, scraped_pods=3)],
    ids=["traffic", "no traffic"],
)
def test_nothing_goes_down_on_sums_over_too_few_pods(signals: Any) -> None:
    partly = context(observation=observation(workload=workload(desired_replicas=4), signals=signals))

    assert reason(guard.partly_scraped(DOWN, partly)) is Reason.PARTLY_SCRAPED
    assert guard.partly_scraped(UP, partly) is None


def test_a_full_scrape_may_lead_downward() -> None:
    full = context(observation=observation(workload=workload(desired_replicas=4), signals=traffic(scraped_pods=4)))

    assert guard.partly_scraped(DOWN, full) is None
    assert guard.partly_scraped(DOWN, context(observation=observation(signals=NO_DATA))) is None


def test_a_decision_down_waits_one_dead_time_after_a_step_up() -> None:
    fresh, settled = (context(history=history(last_scale_up_time=ago(seconds))) for seconds in (44, 45))

    assert reason(guard.awaiting_effect(DOWN, fresh)) is Reason.AWAITING_EFFECT
    assert guard.awaiting_effect(UP, fresh) is None
    assert guard.awaiting_effect(DOWN, settled) is None
    assert guard.awaiting_effect(DOWN, context()) is None


def test_every_decision_waits_one_dead_time_after_a_rollout_unless_users_suffer() -> None:
    fresh = context(history=history(last_rollout_time=ago(44)))

    assert reason(guard.awaiting_effect(UP, fresh)) is Reason.AWAITING_EFFECT
    assert reason(guard.awaiting_effect(DOWN, fresh)) is Reason.AWAITING_EFFECT
    assert guard.awaiting_effect(UP, replace(fresh, objective_missed=True)) is None
    assert reason(guard.awaiting_effect(DOWN, replace(fresh, objective_missed=True))) is Reason.AWAITING_EFFECT


def stabilising(seconds_up: int = 0, seconds_down: int = 300, **memory: Any) -> guard.Context:
    rules = {
        "min": 1,
        "max": 20,
        "scale_up": {"stabilization_seconds": seconds_up},
        "scale_down": {"stabilization_seconds": seconds_down},
    }
    return context(spec=spec(replicas=rules), history=history(**memory))


def test_replicas_fall_no_lower_than_the_most_that_was_needed_within_the_window() -> None:
    answer = guard.stabilization(proposal(8, 2), stabilising(needs=needs((200, 5), (100, 3))))

    assert value(answer) == 5
    assert reason(answer) is Reason.STABILIZING


def test_a_need_above_the_present_replicas_is_no_reason_to_rise() -> None:
    assert value(guard.stabilization(proposal(8, 2), stabilising(needs=needs((100, 15))))) == 8


def test_a_need_older_than_the_window_and_its_slot_counts_no_more() -> None:
    assert value(guard.stabilization(proposal(8, 2), stabilising(needs=needs((330, 5))))) == 5
    assert guard.stabilization(proposal(8, 2), stabilising(needs=needs((331, 5), (100, 2)))) is None


def test_without_a_window_replicas_fall_at_once() -> None:
    assert guard.stabilization(proposal(8, 2), stabilising(seconds_down=0, needs=needs((15, 7)))) is None


def test_replicas_do_not_fall_before_the_window_was_watched_whole() -> None:
    young = stabilising(observed_since=ago(299))

    assert reason(guard.stabilization(DOWN, young)) is Reason.STABILIZING
    assert reason(guard.stabilization(DOWN, stabilising(observed_since=None))) is Reason.STABILIZING
    assert guard.stabilization(DOWN, stabilising(observed_since=ago(300))) is None


def test_replicas_rise_at_once_unless_a_window_is_asked_for() -> None:
    memory = needs((30, 5), (60, 2))

    assert guard.stabilization(proposal(4, 8), stabilising(needs=memory)) is None
    assert value(guard.stabilization(proposal(4, 8), stabilising(seconds_up=45, needs=memory))) == 5
    assert value(guard.stabilization(proposal(4, 8), stabilising(seconds_up=60, needs=memory))) == 4
    assert guard.stabilization(proposal(4, 8), stabilising(seconds_up=10, needs=memory)) is None


def test_a_window_has_nothing_to_say_to_replicas_that_stay() -> None:
    assert guard.stabilization(STAY, stabilising(observed_since=None)) is None


def test_a_need_beyond_the_bounds_does_not_keep_replicas_beyond_them() -> None:
    assert guard.stabilization(proposal(25, 20), stabilising(needs=needs((30, 30)))) is None


def test_replicas_stay_within_the_bounds() -> None:
    bounded = context(spec=spec(replicas={"min": 3, "max": 5}))

    high, low = guard.replica_bounds(proposal(4, 9), bounded), guard.replica_bounds(proposal(4, 1), bounded)

    assert (value(high), reason(high)) == (5, Reason.AT_MAXIMUM)
    assert (value(low), reason(low)) == (3, Reason.AT_MINIMUM)
    assert guard.replica_bounds(proposal(4, 5), bounded) is None


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
    answer = guard.replica_step(proposal(current, wanted), context())

    assert reason(answer) is (None if reached is None else Reason.STEP_LIMITED)
    assert reached is None or value(answer) == reached


def test_a_step_is_not_cut_short_of_the_bounds() -> None:
    bounded = context(spec=spec(replicas={"min": 10, "max": 12}))

    assert guard.replica_step(proposal(1, 10), bounded) is None
    assert value(guard.replica_step(proposal(1, 11), bounded)) == 10
    assert guard.replica_step(proposal(40, 12), bounded) is None
    assert value(guard.replica_step(proposal(40, 11), bounded)) == 12


def test_one_step_of_each_direction_is_taken_a_period() -> None:
    just = context(history=history(last_scale_up_time=ago(14), last_scale_down_time=ago(59)))
    long_ago = context(history=history(last_scale_up_time=ago(15), last_scale_down_time=ago(60)))

    for move in (proposal(4, 5), proposal(4, 3)):
        assert reason(guard.replica_step(move, just)) is Reason.RATE_LIMITED
        assert guard.replica_step(move, long_ago) is None


def test_a_restart_must_save_a_pod_or_be_asked_for_by_name() -> None:
    assert reason(guard.restart_worth_it(RESTART, context())) is Reason.GAIN_TOO_SMALL
    assert guard.restart_worth_it(replace(RESTART, saves_pods=1), context()) is None
    assert guard.restart_worth_it(replace(RESTART, reason=Reason.REQUESTED_BY_SPEC), context()) is None
    assert guard.restart_worth_it(replace(RESTART, reason=Reason.WORKERS_TO_PODS), context()) is None
    assert guard.restart_worth_it(replace(RESTART, wanted=40), context()) is None


CANNOT_HELP = [
    pytest.param(seen(desired_replicas=20), id="at the maximum"),
    pytest.param(seen(autoscaler="hpa"), id="another autoscaler"),
    pytest.param(context(spec=spec(replicas={"mode": "Recommend", "min": 1, "max": 20})), id="replicas not ours"),
    pytest.param(context(spec=spec(mode="Recommend")), id="nothing is ours"),
]


@pytest.mark.parametrize("hopeless", CANNOT_HELP)
def test_a_restart_may_mend_an_objective_that_replicas_cannot_mend(hopeless: guard.Context) -> None:
    suffering = replace(hopeless, objective_missed=True)

    assert guard.restart_worth_it(RESTART, suffering) is None
    assert guard.error_budget(RESTART, suffering) is None


def test_no_restart_while_users_suffer_and_replicas_can_help() -> None:
    suffering = context(objective_missed=True)

    assert reason(guard.error_budget(RESTART, suffering)) is Reason.ERROR_BUDGET_BURNING
    assert reason(guard.restart_worth_it(RESTART, suffering)) is Reason.GAIN_TOO_SMALL
    assert guard.error_budget(replace(RESTART, wanted=40), suffering) is None
    assert guard.error_budget(RESTART, context()) is None


def test_restarts_keep_their_distance() -> None:
    soon, late = (context(history=history(last_rollout_time=ago(seconds))) for seconds in (1790, 1800))

    answer = guard.rollout_rate(RESTART, soon)
    assert isinstance(answer, Hold)
    assert answer.reason is Reason.ROLLOUT_RATE_LIMITED
    assert "10 s" in answer.message
    assert guard.rollout_rate(RESTART, late) is None
    assert guard.rollout_rate(RESTART, context()) is None
    assert guard.rollout_rate(replace(RESTART, wanted=40), soon) is None


def test_a_suspended_object_does_not_act() -> None:
    assert reason(guard.suspended(UP, context(spec=spec(suspend=True)))) is Reason.SUSPENDED
    assert guard.suspended(UP, context()) is None


def test_a_paused_object_does_not_act_until_its_time_comes() -> None:
    later = datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC)

    assert reason(guard.paused(UP, context(paused_until=later))) is Reason.PAUSED
    assert guard.paused(UP, context(paused_until=NOW)) is None
    assert guard.paused(UP, context()) is None


def test_a_recommendation_is_said_and_not_done() -> None:
    assert reason(guard.mode_recommend(UP, context(mode=Mode.RECOMMEND))) is Reason.MODE_RECOMMEND
    assert guard.mode_recommend(UP, context()) is None


def test_a_chain_hands_a_smaller_proposal_on_and_keeps_the_trail() -> None:
    verdict = guard.judge(proposal(2, 99), context(), guard.REPLICA_CHAIN)

    assert verdict.value == 6
    assert [entry.reason for entry in verdict.guards] == [Reason.AT_MAXIMUM, Reason.STEP_LIMITED]


def test_a_chain_ends_at_the_first_hold() -> None:
    verdict = guard.judge(proposal(2, 99), context(mode=Mode.OFF, duplicate_of="elder"), guard.REPLICA_CHAIN)

    assert verdict.value is None
    assert [entry.reason for entry in verdict.guards] == [Reason.MODE_OFF]


def test_a_value_equal_to_the_present_one_is_no_move() -> None:
    verdict = guard.judge(proposal(20, 99), seen(desired_replicas=20), guard.REPLICA_CHAIN)

    assert verdict.value is None
    assert [entry.reason for entry in verdict.guards] == [Reason.AT_MAXIMUM]


def test_a_setting_that_saves_a_pod_passes_its_whole_chain() -> None:
    assert guard.judge(replace(RESTART, saves_pods=1), context(), guard.SETTING_CHAIN).value == 80
