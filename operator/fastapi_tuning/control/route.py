"""How settings reach the pods of one target now, and whether its pods should restart once to get the agent. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import ApplyStrategy, FastAPITuningSpec, Mode
from fastapi_tuning.api.status import DatabaseShare, History
from fastapi_tuning.control.conflicts import owner_of_the_template
from fastapi_tuning.control.guards.database import no_room_told
from fastapi_tuning.control.observation import NoData, Observation


class Route(StrEnum):
    """The way of a setting from the decision into the pods."""

    LIVE = "Live"
    """Every pod carries the agent."""
    AGENT_FIRST = "AgentFirst"
    """One restart brings the agent in; what is to be set waits for it, and needs no restart afterwards."""
    ROLLOUT = "Rollout"
    """Environment in the pod template."""
    NONE = "None"
    """Strategy Live, and no agent to be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCount:
    """Pods with and without the agent; those that are ending are not counted."""

    carrying: int
    bare: int


def route(strategy: ApplyStrategy, agents: AgentCount, *, injecting: bool, tried: bool) -> Route:
    """`injecting`: new pods get the agent. `tried`: the pods were restarted for it, and some still lack it.

    A restart that did not help is not repeated: the pods that the webhook missed are tuned by rollouts, whose new
    pods may well carry the agent.
    """
    if strategy is ApplyStrategy.ROLLING_RESTART:
        return Route.ROLLOUT
    if agents.carrying > 0 and agents.bare == 0:
        return Route.LIVE
    if injecting and not tried:
        return Route.AGENT_FIRST
    return Route.ROLLOUT if strategy is ApplyStrategy.AUTO else Route.NONE


def wants_agent(spec: FastAPITuningSpec) -> bool:
    """Whether new pods get the agent.

    Recommend changes nothing, unless the user named Live: then the agent is there to be read from.
    """
    return spec.mode in _MODES_WITH_AGENT[spec.apply.strategy]


_MODES_WITH_AGENT: Mapping[ApplyStrategy, frozenset[Mode]] = {
    ApplyStrategy.ROLLING_RESTART: frozenset(),
    ApplyStrategy.LIVE: frozenset({Mode.RECOMMEND, Mode.AUTO}),
    ApplyStrategy.AUTO: frozenset({Mode.AUTO}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstInjection:
    """The restart that brings the agent in: due now, or held for a reason."""

    hold: Reason | None
    message: str


def first_injection(
    spec: FastAPITuningSpec,
    observation: Observation,
    agents: AgentCount,
    history: History,
    *,
    objective_missed: bool,
    database: DatabaseShare | None = None,
) -> FirstInjection:
    """What is to become of a target whose route is AGENT_FIRST and whose object may act.

    A target without metrics may restart, since the agent brings some; one that nobody can look at may not.
    """
    workload, signals, now = observation.workload, observation.signals, observation.time
    lacking = f"{agents.bare} of {agents.bare + agents.carrying} pods carry no agent"
    interval = timedelta(seconds=spec.apply.min_rollout_interval_seconds)
    last = history.last_rollout_time
    if workload.rollout_in_progress:
        return FirstInjection(hold=Reason.ROLLOUT_IN_PROGRESS, message=f"{lacking}; the target is replacing pods")
    if (owner := owner_of_the_template(workload)) is not None:
        return FirstInjection(hold=owner.reason, message=f"{lacking}; {owner.told}")
    if agents.bare == 0:
        return FirstInjection(hold=Reason.TARGET_NOT_READY, message="the target has no pods")
    if workload.ready_replicas < workload.desired_replicas:
        return FirstInjection(hold=Reason.TARGET_NOT_READY, message=f"{lacking}; not every pod is ready")
    if isinstance(signals, NoData) and signals.reason is Reason.PROMETHEUS_UNREACHABLE:
        message = f"{lacking}; no restart while Prometheus does not answer"
        return FirstInjection(hold=signals.reason, message=message)
    if objective_missed:
        message = f"{lacking}; no restart while the objective is missed"
        return FirstInjection(hold=Reason.ERROR_BUDGET_BURNING, message=message)
    if database is not None and not database.restart_fits:
        return FirstInjection(hold=Reason.DATABASE_BUDGET, message=f"{lacking}; {no_room_told(database)}")
    if last is not None and now - last < interval:
        remaining = (interval - (now - last)).total_seconds()
        message = f"{lacking}; next restart in {remaining:.0f} s at the earliest"
        return FirstInjection(hold=Reason.ROLLOUT_RATE_LIMITED, message=message)
    return FirstInjection(hold=None, message=f"{lacking}: one rolling restart brings it in")
