"""The chains as a whole: order, trail, and which one a move has to pass."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Mode
from fastapi_tuning.control.guards import chains
from fastapi_tuning.control.guards.chains import chain_for
from fastapi_tuning.control.guards.pace import own_watch
from fastapi_tuning.control.guards.verdict import Chain, judge
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.observation import Delivery
from tests.unit.control.builders import (
    ALL_LATE,
    MISSED,
    NOW,
    ago,
    budget,
    capacity,
    context,
    foreign_owner,
    history,
    observation,
    proposal,
    workload,
)

POOL = proposal(40, 60, knob=Knob.THREADS, reason=Reason.THREADS_BIND)


def test_a_chain_hands_a_smaller_proposal_on_and_keeps_the_trail() -> None:
    verdict = judge(proposal(2, 99), context(), chains.REPLICA_CHAIN)

    assert verdict.value == 6
    assert [entry.reason for entry in verdict.guards] == [Reason.AT_MAXIMUM, Reason.STEP_LIMITED]


def test_a_chain_ends_at_the_first_hold_and_what_is_only_said_keeps_to_the_bounds() -> None:
    verdict = judge(proposal(2, 99), context(mode=Mode.OFF, owners=(foreign_owner(),)), chains.REPLICA_CHAIN)

    assert verdict.value is None
    assert verdict.proposal.wanted == 20
    assert [entry.reason for entry in verdict.guards] == [Reason.AT_MAXIMUM, Reason.MODE_OFF]


def test_a_value_equal_to_the_present_one_is_no_move() -> None:
    full = context(observation=observation(workload=workload(desired_replicas=20)))
    verdict = judge(proposal(20, 99), full, chains.REPLICA_CHAIN)

    assert verdict.value is None
    assert [entry.reason for entry in verdict.guards] == [Reason.AT_MAXIMUM]


def test_a_setting_that_saves_a_pod_passes_the_chain_of_rollouts() -> None:
    assert judge(replace(POOL, saves_pods=1), context(), chains.ROLLOUT_SETTING_CHAIN).value == 60


def test_a_live_setting_needs_no_such_gain() -> None:
    assert judge(POOL, context(), chains.LIVE_SETTING_CHAIN).value == 60
    assert judge(POOL, context(), chains.ROLLOUT_SETTING_CHAIN).value is None


def test_what_brought_nothing_is_taken_back_though_the_objective_is_missed_and_the_window_needed_it() -> None:
    take_back = proposal(8, 4, reason=Reason.DOWNSTREAM_LIMITS)
    suffering = context(
        estimate=replace(MISSED, budget=budget(five_minutes=ALL_LATE)),
        history=history(last_scale_up_time=ago(1), panic_until=NOW + timedelta(minutes=5)),
        observation=observation(workload=workload(ready_replicas=2)),
    )

    assert judge(take_back, suffering, chains.TAKE_BACK_CHAIN).value == 7, "at the pace that the spec allows"
    assert judge(take_back, suffering, chains.REPLICA_CHAIN).value is None


@pytest.mark.parametrize(
    ("knob", "reason", "delivery", "chain"),
    [
        (Knob.REPLICAS, Reason.DEMAND_ROSE, Delivery.ROLLOUT, chains.REPLICA_CHAIN),
        (Knob.REPLICAS, Reason.DOWNSTREAM_LIMITS, Delivery.ROLLOUT, chains.TAKE_BACK_CHAIN),
        (Knob.THREADS, Reason.DOWNSTREAM_LIMITS, Delivery.LIVE, chains.LIVE_TAKE_BACK_CHAIN),
        (Knob.THREADS, Reason.DOWNSTREAM_LIMITS, Delivery.ROLLOUT, chains.ROLLOUT_SETTING_CHAIN),
        (Knob.THREADS, Reason.MEMORY_SHORT, Delivery.LIVE, chains.RELIEF_CHAIN),
        (Knob.THREADS, Reason.MEMORY_SHORT, Delivery.ROLLOUT, chains.ROLLOUT_SETTING_CHAIN),
        (Knob.THREADS, Reason.THREADS_BIND, Delivery.LIVE, chains.LIVE_SETTING_CHAIN),
        (Knob.LIMIT_CONCURRENCY, Reason.LIMIT_FROM_OBJECTIVE, Delivery.ROLLOUT, chains.ROLLOUT_SETTING_CHAIN),
        (Knob.REPLICAS, Reason.UNDONE, Delivery.LIVE, chains.REPLICA_CHAIN),
        (Knob.THREADS, Reason.UNDONE, Delivery.LIVE, chains.LIVE_TAKE_BACK_CHAIN),
        (Knob.THREADS, Reason.UNDONE, Delivery.ROLLOUT, chains.UNDO_ROLLOUT_CHAIN),
        (Knob.WORKERS, Reason.WORKERS_TO_PODS, Delivery.LIVE, chains.WORKERS_CHAIN),
    ],
)
def test_what_a_move_costs_decides_which_chain_it_has_to_pass(
    knob: Knob, reason: Reason, delivery: Delivery, chain: Chain
) -> None:
    assert chain_for(proposal(40, 60, knob=knob, reason=reason), workload(delivery=delivery)) is chain


def test_a_setting_that_made_it_worse_is_rolled_back_though_the_last_restart_is_young_and_the_objective_missed() -> (
    None
):
    back = proposal(20, 40, knob=Knob.THREADS, reason=Reason.UNDONE)
    suffering = context(estimate=MISSED, history=history(last_rollout_time=ago(200)))

    assert judge(back, suffering, chains.UNDO_ROLLOUT_CHAIN).value == 40
    assert judge(back, suffering, chains.ROLLOUT_SETTING_CHAIN).value is None


def test_workers_go_by_the_chain_of_rollouts_but_need_not_be_watched_for_since_pods_came_before_them() -> None:
    assert [each for each in chains.ROLLOUT_SETTING_CHAIN if each not in chains.WORKERS_CHAIN] == [own_watch]
    assert len(chains.WORKERS_CHAIN) == len(chains.ROLLOUT_SETTING_CHAIN) - 1


def test_threads_that_cost_memory_go_before_the_pods_were_seen_to_do_well_and_step_by_step() -> None:
    fewer = proposal(40, 30, knob=Knob.THREADS, reason=Reason.MEMORY_SHORT)
    new = context(estimate=replace(MISSED, capacity=capacity(proven_per_second=None)))

    assert judge(fewer, new, chains.RELIEF_CHAIN).value == 30
    assert judge(fewer, new, chains.LIVE_SETTING_CHAIN).value is None
    lately = replace(new, history=history(last_setting_time=ago(10)))
    assert judge(fewer, lately, chains.RELIEF_CHAIN).value is None
