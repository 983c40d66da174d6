"""The live path of one target in one cycle: which way settings go, and what its pods are asked for.

Level-triggered: every cycle brings every pod with the agent to the settings that are ours, so a write that failed, or
a pod that started with older ones, is mended by the next cycle.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.act.live import live_after, set_settings
from fastapi_tuning.act.moves import restart_for_agent
from fastapi_tuning.api.agent import PodSettings, closing_share_in, document_of, expiry_of
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import ApplyStrategy, Mode
from fastapi_tuning.api.status import ConditionType, Decision, FastAPITuningStatus, Live
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import ApiServer
from fastapi_tuning.control.balance import share_to_close
from fastapi_tuning.control.observation import BlockingCall, Delivery, LaunchForm, Observation, Signals, Traffic
from fastapi_tuning.control.route import FirstInjection, Route, first_injection, route, wants_agent
from fastapi_tuning.observe.agents import (
    NO_READINGS,
    Acknowledgements,
    AgentReadings,
    Agents,
    acknowledgements,
    as_bare,
    counted_workers,
    stuck,
)
from fastapi_tuning.observe.workloads import Target, deployment_path
from fastapi_tuning.report.agents import AgentProgress, findings_of_agents
from fastapi_tuning.report.conditions import Findings
from fastapi_tuning.report.events import EventType
from fastapi_tuning.report.metrics import OperatorMetrics

logger = logging.getLogger(__name__)

Said = tuple[EventType, Reason, str]
AGENT_KNOB = "agent"
"""How a decision record names the restart that brings the agent in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """The pods of a target as the live path sees them."""

    agents: Agents
    found: Acknowledgements
    seen: bool
    """Whether Prometheus told what the agents say."""
    blocking: BlockingCall | None
    way: Route
    stuck: Mapping[str, str]
    """Why a pod with the agent does not start, by pod."""

    launch: LaunchForm
    """How the server is started, with what the agents know of it."""
    holds_settings: bool
    """Whether running pods were asked for settings; then those count, and not what the pod template says."""

    @property
    def delivery(self) -> Delivery:
        return Delivery.LIVE if self.way is Route.LIVE else Delivery.ROLLOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """All that one cycle knows about one object when the live path's turn comes."""

    tuning: FastAPITuning
    target: Target
    view: AgentView
    signals: Signals
    after: FastAPITuningStatus
    """The status with what was decided and written so far."""
    acting: bool
    """Whether pods may be changed: mode Auto, not suspended, not paused, nobody else's target."""
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStep:
    """What became of the live path in one cycle."""

    live: Live
    findings: Findings
    decision: Decision | None
    """The restart for the agent, or to be rid of it, if the pods were told to."""
    said: tuple[Said, ...]


@dataclass(slots=True)
class LivePath:
    """`enabled`: the operator may write to pods. `injecting`: its webhook brings the agent into new ones."""

    api: ApiServer
    metrics: OperatorMetrics
    enabled: bool
    injecting: bool

    def view(
        self, tuning: FastAPITuning, target: Target, live: Live, readings: AgentReadings | None, now: datetime
    ) -> AgentView:
        """What there is; pure."""
        agents = target.agents if self.enabled else as_bare(target.agents)
        said = readings or NO_READINGS
        wanted = wants_agent(tuning.spec) and not live.gave_up(tuning.generation)
        way = route(
            tuning.spec.apply.strategy,
            agents.count,
            injecting=self.injecting and target.injectable and wanted,
            tried=live.injection_time is not None,
        )
        return AgentView(
            agents=agents,
            found=acknowledgements(agents, tuning.namespace, live, said.generations, now),
            seen=readings is not None,
            blocking=said.worst_blocking(tuning.namespace, agents),
            way=way,
            launch=counted_workers(target.workload.launch, said, agents, tuning.namespace),
            holds_settings=(
                bool(agents.carrying)
                and live.generation > 0
                and tuning.spec.apply.strategy is not ApplyStrategy.ROLLING_RESTART
            ),
            stuck=stuck(agents, now, first_injection=live.injection_time is not None),
        )

    async def step(self, turn: Turn) -> LiveStep:
        """Bring the pods to the settings that are ours, and the agent in or out where that is due."""
        live, failures = turn.after.live, dict[str, str]()
        said: list[Said] = []
        injection = decision = None
        if turn.acting:
            live, failures, shed = await self._ask(turn, live)
            said += shed
            if turn.view.way is Route.AGENT_FIRST:
                injection = _injection(turn)
                live, decision = await self._bring_in(turn, injection, live)
            if turn.view.stuck and self.injecting:
                live, decision = await self._take_out(turn, live)
        if decision is not None:
            said.append((EventType.NORMAL, decision.reason, decision.message))
        live = _counted(turn, live)
        strategy = turn.tuning.spec.apply.strategy
        findings = findings_of_agents(
            _progress(turn, live, tuple(failures.values())),
            live,
            wanted=wants_agent(turn.tuning.spec) and (self.injecting or strategy is ApplyStrategy.LIVE),
            missing_because=self._missing_because(turn.target, injection, live),
        )
        return LiveStep(live=live, findings=findings, decision=decision, said=tuple(said))

    async def _ask(self, turn: Turn, live: Live) -> tuple[Live, dict[str, str], list[Said]]:
        """Write to the pods that were asked for something else: newest state, failures by pod, what to say."""
        tuning, pods = turn.tuning, turn.view.agents.carrying
        if not pods or tuning.spec.apply.strategy is ApplyStrategy.ROLLING_RESTART:
            return live, {}, []
        texts = [pod.settings for pod in pods]
        live = live_after(live, document_of(turn.after.applied, tuning.spec), texts, turn.now)
        before = max((closing_share_in(text) for text in texts), default=0.0)
        share, expires_at = _share(turn, before), expiry_of(tuning.spec, turn.now)
        wanted = {
            pod.name: PodSettings(
                generation=live.generation,
                document=live.settings,
                close_connections_share=share,
                expires_at=expires_at,
            ).text()
            for pod in pods
        }
        different = {pod.name: wanted[pod.name] for pod in pods if pod.settings != wanted[pod.name]}
        if not different:
            return live, {}, []
        with self.metrics.live_write_seconds.time():
            failures = await set_settings(self.api, tuning.namespace, different)
        return live, dict(failures), _shedding(turn, share, before)

    async def _bring_in(self, turn: Turn, injection: FirstInjection, live: Live) -> tuple[Live, Decision | None]:
        """The one restart that the first agent takes; a refused one is tried again in the next cycle."""
        if injection.hold is not None or not await self._restart(turn):
            return live, None
        count = turn.view.agents.count
        decision = _decision(turn, count.carrying + count.bare, Reason.AGENT_MISSING, injection.message)
        return live.model_copy(update={"injection_time": turn.now}), decision

    async def _take_out(self, turn: Turn, live: Live) -> tuple[Live, Decision | None]:
        """Undo what made things worse: first the webhook is told, a cycle later the pods restart without the agent.

        Pods that wait for an image, say, are never replaced by their ReplicaSet. Once for a generation of the object.
        """
        generation = turn.tuning.generation
        if not live.gave_up(generation):
            return live.model_copy(update={"failed_generation": generation, "removal_time": None}), None
        if live.removal_time is not None or not await self._restart(turn):
            return live, None
        message = f"{_why_given_up(turn.view)}: one rolling restart takes the agent out"
        decision = _decision(turn, 0, Reason.INJECTION_FAILED, message)
        return live.model_copy(update={"removal_time": turn.now}), decision

    async def _restart(self, turn: Turn) -> bool:
        path = deployment_path(turn.tuning.namespace, turn.tuning.spec.target_ref.name)
        result = await restart_for_agent(self.api, path, turn.target.workload, turn.after.applied, turn.now)
        if not result.applied:
            logger.warning("pods not restarted", extra={"object": path, "error": result.message})
        return result.applied

    def _missing_because(self, target: Target, injection: FirstInjection | None, live: Live) -> str:
        if not self.injecting:
            return "the operator's webhook is off: install the agent with the app, or enable it"
        if not target.injectable:
            return "the pod template opts out"
        if injection is not None:
            return injection.message
        if live.injection_time is not None:
            return "a restart did not bring it in: is the webhook reachable, and are there events InjectionRefused?"
        return "`kubectl rollout restart` brings it in"


def _injection(turn: Turn) -> FirstInjection:
    conditions, agents = turn.after.conditions, turn.view.agents.count
    missed = any(each.type == ConditionType.OBJECTIVE_MET and each.status == "False" for each in conditions)
    observation = Observation(time=turn.now, workload=turn.target.workload, signals=turn.signals)
    return first_injection(
        turn.tuning.spec,
        observation,
        agents,
        turn.after.history,
        objective_missed=missed,
        database=turn.after.database,
    )


def _share(turn: Turn, before: float) -> float:
    """Nothing while pods are replaced: what is hot then is gone soon."""
    spec, signals = turn.tuning.spec, turn.signals
    asked_for = spec.effective_mode(spec.connections.mode) is Mode.AUTO
    if not asked_for or turn.target.workload.rollout_in_progress or not isinstance(signals, Traffic):
        return 0.0
    return share_to_close(signals.pods, signals.window_seconds, before)


def _shedding(turn: Turn, share: float, before: float) -> list[Said]:
    """Said when it begins, and not at each change of the share."""
    if share == 0 or before > 0 or not isinstance(turn.signals, Traffic):
        return []
    rates = sorted((pod.served_per_second, pod.pod) for pod in turn.signals.pods)
    (least, idlest), (most, busiest) = rates[0], rates[-1]
    message = (
        f"{busiest} serves {most:.1f} requests/s and {idlest} {least:.1f}: "
        f"{share:.0%} of all answers close their connection, so that clients spread over the pods"
    )
    return [(EventType.NORMAL, Reason.IMBALANCE, message)]


def _counted(turn: Turn, live: Live) -> Live:
    """With the numbers of this cycle; a first injection is over when every pod runs with the agent."""
    agents = turn.view.agents
    update: dict[str, object] = {
        "pods": len(agents.carrying) + len(agents.bare),
        "agent_pods": len(agents.carrying),
        "acknowledged_pods": len(turn.view.found.acknowledged) if live.generation > 0 else 0,
    }
    if turn.view.way is Route.LIVE and all(pod.ready_since is not None for pod in agents.carrying):
        update["injection_time"] = None
    return live.model_copy(update=update)


def _progress(turn: Turn, live: Live, failed: tuple[str, ...]) -> AgentProgress:
    view = turn.view
    return AgentProgress(
        bare=view.agents.bare,
        carrying=len(view.agents.carrying),
        waiting=view.found.waiting,
        late=view.found.late,
        failed=failed,
        seen=view.seen,
        blocking=view.blocking,
        given_up_because=_why_given_up(view) if live.gave_up(turn.tuning.generation) else "",
    )


def _why_given_up(view: AgentView) -> str:
    if not view.stuck:
        return "pods with the agent did not start"
    return "pods with the agent do not start: " + ", ".join(f"{pod} {why}" for pod, why in sorted(view.stuck.items()))


def _decision(turn: Turn, pods: int, reason: Reason, message: str) -> Decision:
    """How many pods are to carry the agent from now on."""
    carrying = str(turn.view.agents.count.carrying)
    return Decision(
        time=turn.now, knob=AGENT_KNOB, from_value=carrying, to_value=str(pods), reason=reason, message=message[:1024]
    )
