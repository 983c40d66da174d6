"""Which way settings go, who gets the agent, and when pods restart for it."""

from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import ApplyStrategy, Mode
from fastapi_tuning.api.status import DatabaseShare
from fastapi_tuning.control.foreign_owner import SETTINGS
from fastapi_tuning.control.observation import NoData, Signals
from fastapi_tuning.control.route import AgentCount, FirstInjection, Route, first_injection, route, wants_agent
from tests.unit.control.builders import NO_DATA, ago, foreign_owner, history, observation, spec, traffic, workload
from tests.unit.control.claims import share

ALL, SOME, NO_AGENT = (
    AgentCount(carrying=3, bare=0),
    AgentCount(carrying=2, bare=1),
    AgentCount(carrying=0, bare=3),
)
AUTO, LIVE, ROLLING = ApplyStrategy.AUTO, ApplyStrategy.LIVE, ApplyStrategy.ROLLING_RESTART


@pytest.mark.parametrize(
    ("strategy", "agents", "injecting", "tried", "way"),
    [
        (AUTO, ALL, True, False, Route.LIVE),
        (AUTO, ALL, False, False, Route.LIVE),
        (LIVE, ALL, False, True, Route.LIVE),
        (ROLLING, ALL, True, False, Route.ROLLOUT),
        (AUTO, SOME, True, False, Route.AGENT_FIRST),
        (AUTO, NO_AGENT, True, False, Route.AGENT_FIRST),
        (LIVE, NO_AGENT, True, False, Route.AGENT_FIRST),
        (AUTO, NO_AGENT, True, True, Route.ROLLOUT),
        (AUTO, SOME, False, False, Route.ROLLOUT),
        (LIVE, NO_AGENT, True, True, Route.NONE),
        (LIVE, NO_AGENT, False, False, Route.NONE),
        (ROLLING, NO_AGENT, True, False, Route.ROLLOUT),
    ],
)
def test_the_way_of_a_setting(
    strategy: ApplyStrategy, agents: AgentCount, injecting: bool, tried: bool, way: Route
) -> None:
    assert route(strategy, agents, injecting=injecting, tried=tried) is way


@pytest.mark.parametrize(
    ("mode", "strategy", "wanted"),
    [
        (Mode.AUTO, AUTO, True),
        (Mode.AUTO, LIVE, True),
        (Mode.AUTO, ROLLING, False),
        (Mode.RECOMMEND, AUTO, False),
        (Mode.RECOMMEND, LIVE, True),
        (Mode.OFF, LIVE, False),
    ],
)
def test_recommend_changes_no_pod_unless_the_agent_was_asked_for_by_name(
    mode: Mode, strategy: ApplyStrategy, wanted: bool
) -> None:
    assert wants_agent(spec(mode=mode, apply={"strategy": strategy})) is wanted


def due(
    *,
    agents: AgentCount = NO_AGENT,
    objective_missed: bool = False,
    last_rollout: float | None = None,
    signals: Signals | None = None,
    database: DatabaseShare | None = None,
    **changes: Any,
) -> FirstInjection:
    return first_injection(
        spec(),
        observation(workload=workload(**changes), signals=signals or traffic()),
        agents,
        history(last_rollout_time=None if last_rollout is None else ago(last_rollout)),
        objective_missed=objective_missed,
        database=database,
    )


def test_healthy_pods_without_the_agent_restart() -> None:
    assert due().hold is None
    assert due(database=share()).hold is None


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        pytest.param(due(rollout_in_progress=True), Reason.ROLLOUT_IN_PROGRESS, id="rollout"),
        pytest.param(
            due(foreign_owners=(foreign_owner(reason=Reason.PROGRESSIVE_DELIVERY, knobs=SETTINGS),)),
            Reason.PROGRESSIVE_DELIVERY,
            id="canary",
        ),
        pytest.param(due(desired_replicas=4, ready_replicas=3), Reason.TARGET_NOT_READY, id="unready"),
        pytest.param(due(agents=AgentCount(carrying=0, bare=0)), Reason.TARGET_NOT_READY, id="no pods"),
        pytest.param(due(signals=NO_DATA), Reason.PROMETHEUS_UNREACHABLE, id="blind"),
        pytest.param(due(objective_missed=True), Reason.ERROR_BUDGET_BURNING, id="objective"),
        pytest.param(due(database=share(restart_fits=False)), Reason.DATABASE_BUDGET, id="database"),
        pytest.param(due(last_rollout=1799), Reason.ROLLOUT_RATE_LIMITED, id="rate"),
    ],
)
def test_a_restart_waits(held: FirstInjection, reason: Reason) -> None:
    assert held.hold is reason


def test_pods_that_export_nothing_restart_since_the_agent_does() -> None:
    assert due(signals=NoData(reason=Reason.SOURCE_UNKNOWN, message="no histogram")).hold is None


def test_the_shortest_time_between_restarts_counts_for_this_one_too() -> None:
    assert due(last_rollout=1800).hold is None
