"""Whether a setting is worth its move."""

from dataclasses import replace
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.guards import settings
from fastapi_tuning.control.guards.verdict import Context, Hold
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.observation import DatabasePool, Dependencies
from tests.unit.control.builders import (
    ALL_LATE,
    MISSED,
    NO_DATA,
    ago,
    budget,
    capacity,
    context,
    estimate,
    foreign_owner,
    history,
    observation,
    pod_traffic,
    proposal,
    spec,
    traffic,
    workload,
)
from tests.unit.control.guards.answers import reason, value

POOL = proposal(40, 80, knob=Knob.THREADS, reason=Reason.THREADS_BIND)
SMALLER_POOL = replace(POOL, wanted=4)
LIMIT = proposal(None, 300, knob=Knob.LIMIT_CONCURRENCY, reason=Reason.LIMIT_FROM_OBJECTIVE)
MIB = 2**20


def seen(**changes: Any) -> Context:
    """A context whose workload differs."""
    return context(observation=observation(workload=workload(**{"desired_replicas": 4, **changes})))


def test_a_pool_does_not_shrink_before_its_pods_were_seen_to_do_well() -> None:
    new = context(estimate=estimate(capacity=capacity(proven_per_second=None)))

    assert reason(settings.nothing_proven(SMALLER_POOL, new)) is Reason.NOTHING_PROVEN
    assert settings.nothing_proven(SMALLER_POOL, context()) is None
    assert settings.nothing_proven(POOL, new) is None
    assert settings.nothing_proven(replace(LIMIT, current=400), new) is None
    assert settings.nothing_proven(SMALLER_POOL, context(estimate=None)) is None


def test_pods_that_compute_get_no_more_threads() -> None:
    busy = context(estimate=estimate(cpu_utilisation=0.86))

    assert reason(settings.cpu_busy(POOL, busy)) is Reason.CPU_BUSY
    assert settings.cpu_busy(SMALLER_POOL, busy) is None
    assert settings.cpu_busy(LIMIT, busy) is None
    assert settings.cpu_busy(POOL, context(estimate=estimate(cpu_utilisation=0.85))) is None
    assert settings.cpu_busy(POOL, context()) is None
    assert settings.cpu_busy(POOL, context(estimate=None)) is None


def test_a_pool_whose_threads_wait_for_each_other_does_not_grow_but_for_a_probe() -> None:
    slow = context(estimate=estimate(slowdown=1.26))

    assert reason(settings.contended(POOL, slow)) is Reason.CONTENDED
    assert settings.contended(replace(POOL, reason=Reason.THREAD_PROBE), slow) is None
    assert settings.contended(SMALLER_POOL, slow) is None
    assert settings.contended(POOL, context(estimate=estimate(slowdown=1.24))) is None
    assert settings.contended(POOL, context()) is None
    assert settings.contended(POOL, context(estimate=None)) is None


def used(mebibytes: float | None, limit: float | None = 500.0) -> Context:
    pods = (pod_traffic(), pod_traffic(resident_bytes=None if mebibytes is None else mebibytes * MIB))
    target = workload(memory_limit_bytes=None if limit is None else limit * MIB)
    return context(observation=observation(workload=target, signals=traffic(pods=pods)))


def test_a_pool_grows_no_further_than_four_fifths_of_the_memory_allow() -> None:
    assert value(settings.memory(POOL, used(320.0))) == 50, "80 MiB for ten threads of 8"
    assert reason(settings.memory(POOL, used(395.0))) is Reason.MEMORY_SHORT
    assert isinstance(settings.memory(POOL, used(480.0)), Hold)
    assert settings.memory(POOL, used(80.0)) is None


def test_memory_that_is_not_known_limits_nothing() -> None:
    assert settings.memory(POOL, used(None)) is None
    assert settings.memory(POOL, used(480.0, limit=None)) is None
    assert settings.memory(SMALLER_POOL, used(480.0)) is None
    assert settings.memory(replace(POOL, current=None), used(480.0)) is None
    blind = observation(signals=NO_DATA, workload=workload(memory_limit_bytes=1.0))
    assert settings.memory(POOL, context(observation=blind)) is None


def test_a_pool_grows_by_half_a_step() -> None:
    assert value(settings.pool_step(POOL, context())) == 60
    assert settings.pool_step(replace(POOL, wanted=60), context()) is None
    assert settings.pool_step(SMALLER_POOL, context()) is None
    assert settings.pool_step(LIMIT, context()) is None
    assert settings.pool_step(replace(POOL, current=None), context()) is None


def test_a_pool_reaches_its_minimum_in_one_step() -> None:
    bounded = context(spec=spec(thread_pool={"min": 70, "max": 90}))

    assert value(settings.pool_step(POOL, bounded)) == 70


def test_a_live_setting_does_not_flutter() -> None:
    for wanted in (45, 35):
        assert reason(settings.too_small(replace(POOL, wanted=wanted), context())) is Reason.CHANGE_TOO_SMALL
    for wanted in (46, 34, 40):
        assert settings.too_small(replace(POOL, wanted=wanted), context()) is None
    assert settings.too_small(LIMIT, context()) is None


def test_a_value_beyond_a_bound_is_mended_however_near_it_is() -> None:
    bounded = context(spec=spec(thread_pool={"min": 4, "max": 39}))

    assert settings.too_small(replace(POOL, wanted=39), bounded) is None


def test_a_restart_must_save_a_pod_or_be_asked_for_by_name_or_go_with_another() -> None:
    assert reason(settings.restart_worth_it(POOL, context())) is Reason.GAIN_TOO_SMALL
    assert settings.restart_worth_it(replace(POOL, saves_pods=1), context()) is None
    assert settings.restart_worth_it(replace(POOL, reason=Reason.REQUESTED_BY_SPEC), context()) is None
    assert settings.restart_worth_it(replace(POOL, reason=Reason.WORKERS_TO_PODS), context()) is None
    assert settings.restart_worth_it(replace(POOL, wanted=40), context()) is None
    assert settings.restart_worth_it(POOL, context(rides=True)) is None


def test_a_first_limit_is_worth_a_restart_once_the_budget_burnt() -> None:
    at_risk = context(estimate=estimate(budget=budget(hour=ALL_LATE)))

    assert settings.restart_worth_it(LIMIT, at_risk) is None
    assert reason(settings.restart_worth_it(LIMIT, context())) is Reason.GAIN_TOO_SMALL
    assert reason(settings.restart_worth_it(replace(LIMIT, current=200), at_risk)) is Reason.GAIN_TOO_SMALL
    assert reason(settings.restart_worth_it(POOL, at_risk)) is Reason.GAIN_TOO_SMALL
    assert reason(settings.restart_worth_it(LIMIT, context(estimate=None))) is Reason.GAIN_TOO_SMALL


CANNOT_HELP = [
    pytest.param(seen(desired_replicas=20), id="at the maximum"),
    pytest.param(context(owners=(foreign_owner(),)), id="another autoscaler"),
    pytest.param(context(spec=spec(replicas={"mode": "Recommend", "min": 1, "max": 20})), id="replicas not ours"),
    pytest.param(context(spec=spec(mode="Recommend")), id="nothing is ours"),
]


@pytest.mark.parametrize("hopeless", CANNOT_HELP)
def test_a_restart_may_mend_an_objective_that_replicas_cannot_mend(hopeless: Context) -> None:
    suffering = replace(hopeless, estimate=MISSED)

    assert settings.restart_worth_it(POOL, suffering) is None
    assert settings.error_budget(POOL, suffering) is None


def test_no_restart_while_users_suffer_and_replicas_can_help() -> None:
    suffering = context(estimate=MISSED)

    assert reason(settings.error_budget(POOL, suffering)) is Reason.ERROR_BUDGET_BURNING
    assert reason(settings.restart_worth_it(POOL, suffering)) is Reason.GAIN_TOO_SMALL
    assert settings.error_budget(replace(POOL, wanted=40), suffering) is None
    assert settings.error_budget(POOL, context()) is None


def test_restarts_keep_their_distance() -> None:
    soon, late = (context(history=history(last_rollout_time=ago(seconds))) for seconds in (1790, 1800))

    answer = settings.rollout_rate(POOL, soon)
    assert isinstance(answer, Hold)
    assert answer.reason is Reason.ROLLOUT_RATE_LIMITED
    assert "10 s" in answer.message
    assert settings.rollout_rate(POOL, late) is None
    assert settings.rollout_rate(POOL, context()) is None
    assert settings.rollout_rate(replace(POOL, wanted=40), soon) is None


def waiting_for(pool: DatabasePool | None, **changes: Any) -> Context:
    """Two pods with requests of which each may take half a second."""
    found = None if pool is None else Dependencies(pools=(pool,), peers=())
    return context(observation=observation(**{"dependencies": found, "signals": traffic(), **changes}))


SHORT = DatabasePool(peer="db:5432", size=100.0, checked_out=100.0, waiting=6.0, wait_seconds_per_second=0.0)


def test_a_pool_of_threads_grows_no_further_than_the_pod_has_connections_while_requests_wait_for_those() -> None:
    """100 connections over two pods."""
    assert value(settings.database_pool(POOL, waiting_for(SHORT))) == 50
    assert reason(settings.database_pool(replace(POOL, current=50), waiting_for(SHORT))) is Reason.DATABASE_POOL_SHORT
    held = settings.database_pool(replace(POOL, current=60), waiting_for(SHORT))
    assert isinstance(held, Hold), "threads that are there already stay"
    assert settings.database_pool(replace(POOL, wanted=50), waiting_for(SHORT)) is None


def test_a_wait_that_is_over_at_the_scrape_counts_if_it_is_a_noticeable_part_of_a_request() -> None:
    """100 requests/s: 1 s/s of waiting are 10 ms of 500 each."""
    seldom, often = replace(SHORT, waiting=0.0, wait_seconds_per_second=0.9), replace(SHORT, waiting=0.0)

    assert settings.database_pool(POOL, waiting_for(seldom)) is None
    often = replace(often, wait_seconds_per_second=1.1)
    assert reason(settings.database_pool(POOL, waiting_for(often))) is Reason.DATABASE_POOL_SHORT


def test_a_database_pool_that_is_not_seen_or_not_short_caps_nothing() -> None:
    assert settings.database_pool(POOL, waiting_for(None)) is None
    assert settings.database_pool(POOL, waiting_for(replace(SHORT, waiting=float("nan")))) is None
    assert settings.database_pool(POOL, waiting_for(replace(SHORT, waiting=5.0))) is None
    assert settings.database_pool(SMALLER_POOL, waiting_for(SHORT)) is None
    assert settings.database_pool(replace(POOL, current=None), waiting_for(SHORT)) is None
    assert settings.database_pool(LIMIT, waiting_for(SHORT)) is None
    assert settings.database_pool(POOL, waiting_for(SHORT, signals=NO_DATA)) is None
