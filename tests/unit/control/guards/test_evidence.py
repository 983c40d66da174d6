"""Whether what was seen is good enough to act on."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import MetricsSource
from fastapi_tuning.api.status import Growth, LimitingFactor
from fastapi_tuning.control.diagnosis.diagnose import Diagnosis
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.guards import evidence
from fastapi_tuning.control.guards.verdict import Context
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import NoTraffic, Unschedulable
from tests.unit.control.builders import (
    ALL_LATE,
    MISSED,
    NO_DATA,
    NOW,
    ago,
    budget,
    capacity,
    context,
    estimate,
    history,
    observation,
    proposal,
    traffic,
    workload,
)
from tests.unit.control.guards.answers import reason, value

UP, DOWN, STAY = proposal(4, 6), proposal(4, 2), proposal(4, 4)
RESTART = proposal(40, 80, knob=Knob.THREADS, reason=Reason.THREADS_BIND)


@pytest.mark.parametrize(
    "signals",
    [traffic(scraped_pods=3), NoTraffic(source=MetricsSource.FASTAPI_INSTRUMENTATOR, scraped_pods=3)],
    ids=["traffic", "no traffic"],
)
def test_nothing_goes_down_on_sums_over_too_few_pods(signals: Any) -> None:
    partly = context(observation=observation(workload=workload(desired_replicas=4), signals=signals))

    assert reason(evidence.partly_scraped(DOWN, partly)) is Reason.PARTLY_SCRAPED
    assert evidence.partly_scraped(UP, partly) is None


def test_a_full_scrape_may_lead_downward() -> None:
    full = context(observation=observation(workload=workload(desired_replicas=4), signals=traffic(scraped_pods=4)))

    assert evidence.partly_scraped(DOWN, full) is None
    assert evidence.partly_scraped(DOWN, context(observation=observation(signals=NO_DATA))) is None


def test_during_a_rollout_only_more_pods_for_a_missed_objective_pass() -> None:
    rolling = context(observation=observation(workload=workload(rollout_in_progress=True)))
    suffering = replace(rolling, estimate=MISSED)

    assert reason(evidence.rollout_in_progress(UP, rolling)) is Reason.ROLLOUT_IN_PROGRESS
    assert evidence.rollout_in_progress(UP, suffering) is None
    assert reason(evidence.rollout_in_progress(DOWN, suffering)) is Reason.ROLLOUT_IN_PROGRESS
    assert reason(evidence.rollout_in_progress(RESTART, suffering)) is Reason.ROLLOUT_IN_PROGRESS
    assert evidence.rollout_in_progress(DOWN, context()) is None


@pytest.mark.parametrize("move", ["last_scale_up_time", "last_setting_time"])
def test_a_decision_down_waits_one_dead_time_after_a_move_up(move: str) -> None:
    fresh, settled = (context(history=history(**{move: ago(seconds)})) for seconds in (44, 45))

    assert reason(evidence.awaiting_effect(DOWN, fresh)) is Reason.AWAITING_EFFECT
    assert evidence.awaiting_effect(UP, fresh) is None
    assert evidence.awaiting_effect(DOWN, settled) is None
    assert evidence.awaiting_effect(DOWN, context()) is None


def test_every_decision_waits_one_dead_time_after_a_rollout_unless_users_suffer() -> None:
    fresh = context(history=history(last_rollout_time=ago(44)))
    suffering = replace(fresh, estimate=MISSED)

    assert reason(evidence.awaiting_effect(UP, fresh)) is Reason.AWAITING_EFFECT
    assert reason(evidence.awaiting_effect(DOWN, fresh)) is Reason.AWAITING_EFFECT
    assert evidence.awaiting_effect(UP, suffering) is None
    assert reason(evidence.awaiting_effect(DOWN, suffering)) is Reason.AWAITING_EFFECT


def test_the_dead_time_is_doubled_after_an_oscillation() -> None:
    calm = history(last_scale_up_time=ago(89), calm_until=NOW + timedelta(hours=1))

    assert reason(evidence.awaiting_effect(DOWN, context(history=calm))) is Reason.AWAITING_EFFECT


def seen(found: Estimate | None, **memory: Any) -> Context:
    return context(estimate=found, history=history(**memory))


def test_nothing_goes_down_on_a_handful_of_requests() -> None:
    few = seen(estimate(verdict=Verdict.TOO_FEW_REQUESTS))

    assert reason(evidence.too_few_requests(DOWN, few)) is Reason.TOO_FEW_REQUESTS
    assert evidence.too_few_requests(UP, few) is None
    assert evidence.too_few_requests(DOWN, seen(estimate())) is None
    assert evidence.too_few_requests(DOWN, seen(None)) is None


def test_nothing_goes_down_within_five_minutes_of_a_panic() -> None:
    panic = seen(estimate(), panic_until=NOW + timedelta(seconds=1))

    assert reason(evidence.panic(DOWN, panic)) is Reason.PANIC
    assert evidence.panic(UP, panic) is None
    assert evidence.panic(DOWN, seen(estimate(), panic_until=NOW)) is None
    assert evidence.panic(DOWN, seen(estimate())) is None


def test_a_budget_that_burns_forbids_scaling_down() -> None:
    burning = seen(estimate(budget=budget(five_minutes=ALL_LATE)))

    assert reason(evidence.budget_for_scale_down(DOWN, burning)) is Reason.BUDGET_FORBIDS_SCALE_DOWN
    assert evidence.budget_for_scale_down(UP, burning) is None
    assert evidence.budget_for_scale_down(DOWN, seen(estimate())) is None
    assert evidence.budget_for_scale_down(DOWN, seen(None)) is None


def pod(proven: float | None, safe: float | None = 100.0, offered: float = 400.0, **memory: Any) -> Context:
    """Ten pods' worth of memory; half of 100 is taken on trust."""
    found = capacity(proven_per_second=proven, thread_safe_per_second=safe)
    return seen(estimate(offered_per_second=offered, capacity=found), **memory)


def test_down_to_a_load_that_was_seen_to_go_well_needs_no_exploring() -> None:
    assert evidence.unproven_load(proposal(20, 4), pod(100.0)) is None
    assert evidence.unproven_load(proposal(20, 8), pod(1.0)) is None, "half of what a pod should carry is trusted"


def test_a_wish_for_less_stops_at_what_is_proven() -> None:
    assert value(evidence.unproven_load(proposal(20, 4), pod(80.0))) == 5
    assert value(evidence.unproven_load(proposal(20, 4), pod(80.0, safe=None))) == 5


def test_beyond_that_a_tenth_goes_each_five_minutes() -> None:
    assert value(evidence.unproven_load(proposal(20, 4), pod(18.0, safe=None))) == 18
    assert value(evidence.unproven_load(proposal(5, 1), pod(72.8, safe=None))) == 4
    assert evidence.unproven_load(proposal(5, 4), pod(72.0, safe=None)) is None
    waiting = pod(18.0, safe=None, last_scale_down_time=ago(299))
    assert reason(evidence.unproven_load(proposal(20, 4), waiting)) is Reason.UNPROVEN_LOAD
    waited = pod(18.0, safe=None, last_scale_down_time=ago(300))
    assert value(evidence.unproven_load(proposal(20, 4), waited)) == 18


def test_a_budget_that_burnt_in_the_last_hour_forbids_exploring() -> None:
    unproven = pod(18.0, safe=None)
    assert unproven.estimate is not None
    burnt = replace(unproven, estimate=replace(unproven.estimate, budget=budget(hour=ALL_LATE)))

    assert reason(evidence.unproven_load(proposal(20, 4), burnt)) is Reason.BUDGET_FORBIDS_EXPLORING


def test_before_anything_was_proven_the_user_keeps_what_he_had() -> None:
    assert reason(evidence.unproven_load(DOWN, pod(None))) is Reason.NOTHING_PROVEN
    assert evidence.unproven_load(UP, pod(None)) is None
    assert evidence.unproven_load(DOWN, seen(None)) is None, "without traffic there is nothing to prove"
    assert evidence.unproven_load(proposal(None, 2), pod(None)) is None


FROZEN = Growth(cap=5, frozen_until=NOW + timedelta(seconds=1))


def test_what_brought_nothing_is_not_tried_again_before_its_time() -> None:
    frozen = seen(estimate(), replica_growth=FROZEN)

    answer = evidence.downstream(proposal(4, 8), frozen)
    assert value(answer) == 5
    assert reason(answer) is Reason.DOWNSTREAM_LIMITS
    assert value(evidence.downstream(proposal(6, 8), frozen)) == 6, "taking back is another chain's business"
    assert evidence.downstream(proposal(4, 5), frozen) is None
    assert evidence.downstream(proposal(8, 6), frozen) is None
    assert evidence.downstream(proposal(4, 8), context()) is None


def test_pods_and_threads_are_frozen_apart_and_limits_never() -> None:
    threads, limit = (proposal(4, 8, knob=knob) for knob in (Knob.THREADS, Knob.LIMIT_CONCURRENCY))

    assert evidence.downstream(threads, seen(estimate(), replica_growth=FROZEN)) is None
    assert value(evidence.downstream(threads, seen(estimate(), thread_growth=FROZEN))) == 5
    both = seen(estimate(), thread_growth=FROZEN, replica_growth=FROZEN)
    assert evidence.downstream(limit, both) is None
    assert evidence.downstream(proposal(None, 8, knob=Knob.THREADS), both) is None


def test_a_panic_is_an_overload_right_now() -> None:
    assert evidence.is_panic(seen(estimate(shedding=True)))
    assert not evidence.is_panic(seen(estimate()))
    assert not evidence.is_panic(seen(None))


def blamed(factor: LimitingFactor, confidence: float = 0.9, **changes: Any) -> Context:
    """Four pods that carry 100 requests/s each, and a peer that is named."""
    named = Diagnosis(factor=factor, confidence=confidence, evidence="db:5432 takes 480 ms of 500 ms a request")
    four = observation(workload=workload(desired_replicas=4))
    return context(**{"diagnosis": named, "observation": four, "estimate": MISSED, **changes})


@pytest.mark.parametrize("factor", [LimitingFactor.DATABASE, LimitingFactor.EXTERNAL_API])
def test_no_pod_is_added_for_a_dependency_that_is_slow(factor: LimitingFactor) -> None:
    held = evidence.behind_the_pods(UP, blamed(factor))

    assert reason(held) is Reason.SLOW_DEPENDENCY
    assert held is not None
    assert "db:5432" in held.message
    assert evidence.behind_the_pods(DOWN, blamed(factor)) is None


def test_pods_that_are_full_by_themselves_are_joined_by_more_whatever_is_behind_them() -> None:
    full = replace(MISSED, offered_per_second=401.0)
    doubted = replace(MISSED, offered_per_second=399.0, capacity=capacity(correction=0.5, thread_safe_per_second=50.0))
    unknown = replace(MISSED, capacity=capacity(thread_safe_per_second=None))

    assert evidence.behind_the_pods(UP, blamed(LimitingFactor.DATABASE, estimate=full)) is None
    held = evidence.behind_the_pods(UP, blamed(LimitingFactor.DATABASE, estimate=doubted))
    assert reason(held) is Reason.SLOW_DEPENDENCY, "doubts about the pods are the dependency's doing"
    assert evidence.behind_the_pods(UP, blamed(LimitingFactor.DATABASE, estimate=unknown)) is None
    assert evidence.behind_the_pods(replace(UP, current=None), blamed(LimitingFactor.DATABASE)) is None


def test_what_is_less_than_certain_or_helped_by_more_pods_holds_nothing() -> None:
    """Pods bring their own connections."""
    assert evidence.behind_the_pods(UP, blamed(LimitingFactor.DATABASE, 0.79)) is None
    assert evidence.behind_the_pods(UP, blamed(LimitingFactor.DATABASE_POOL)) is None
    assert evidence.behind_the_pods(UP, context()) is None
    assert evidence.behind_the_pods(UP, blamed(LimitingFactor.DATABASE, estimate=None)) is None


def test_no_pod_is_added_while_one_finds_no_node_and_the_scheduler_is_quoted() -> None:
    nowhere = Unschedulable(pods=2, message="0/3 nodes are available: 3 Insufficient memory.")
    crowded = context(observation=observation(workload=workload(desired_replicas=4, unschedulable=nowhere)))

    held = evidence.unschedulable(UP, crowded)

    assert reason(held) is Reason.UNSCHEDULABLE
    assert held is not None
    assert held.message == "2 pods find no node: 0/3 nodes are available: 3 Insufficient memory."
    assert evidence.unschedulable(DOWN, crowded) is None
    assert evidence.unschedulable(RESTART, crowded) is None
    assert evidence.unschedulable(UP, context()) is None
