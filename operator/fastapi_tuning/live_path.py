"""The live path of one target in one cycle: which way settings go, and what its pods are asked for.

Level-triggered: every cycle brings every pod with the agent to the settings that are ours, so a write that failed, or
a pod that started with older ones, is mended by the next cycle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.act.live import live_after, set_settings
from fastapi_tuning.act.moves import restart_for_agent
from fastapi_tuning.api.agent import PodSettings, document_of, expiry_of
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import ApplyStrategy, Mode
from fastapi_tuning.api.status import ConditionType, Decision, FastAPITuningStatus, Live
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import ApiServer
from fastapi_tuning.control.balance import shares_to_close
from fastapi_tuning.control.observation import Delivery, Signals, Traffic, Workload
from fastapi_tuning.control.route import FirstInjection, Route, first_injection, route, wants_agent
from fastapi_tuning.observe.agents import Acknowledgements, Agents, acknowledgements, as_bare, stuck
from fastapi_tuning.observe.signals import PodKey
from fastapi_tuning.observe.workloads import Target, deployment_path
from fastapi_tuning.report.agents import AgentProgress, findings_of_agents
from fastapi_tuning.report.conditions import Findings
from fastapi_tuning.report.events import EventType
from fastapi_tuning.report.metrics import OperatorMetrics

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
    way: Route
    stuck: Mapping[str, str]
    """Why a pod with the agent does not start, by pod."""

    @property
    def delivery(self) -> Delivery:
        return Delivery.LIVE if self.way is Route.LIVE else Delivery.ROLLOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStep:
    """What became of the live path in one cycle."""

    live: Live
    findings: Findings
    decision: Decision | None = None
    """The restart for the agent, if the pods were told to."""
    said: tuple[Said, ...] = ()


@dataclass(slots=True)
class LivePath:
    """`enabled`: the operator may write to pods. `injecting`: its webhook brings the agent into new ones."""

    api: ApiServer
    metrics: OperatorMetrics
    enabled: bool
    injecting: bool

    def view(
        self, tuning: FastAPITuning, target: Target, live: Live, generations: Mapping[PodKey, int] | None, now: datetime
    ) -> AgentView:
        """What there is; pure."""
        agents = target.agents if self.enabled else as_bare(target.agents)
        wanted = wants_agent(tuning.spec) and not live.gave_up(tuning.generation)
        way = route(
            tuning.spec.apply.strategy,
            agents.count,
            injecting=self.injecting and target.injectable and wanted,
            tried=live.injection_time is not None,
        )
        found = acknowledgements(agents, tuning.namespace, live, generations or {}, now)
        return AgentView(agents=agents, found=found, seen=generations is not None, way=way, stuck=stuck(agents, now))

    async def step(
        self,
        tuning: FastAPITuning,
        target: Target,
        view: AgentView,
        signals: Signals,
        after: FastAPITuningStatus,
        now: datetime,
        *,
        acting: bool,
    ) -> LiveStep:
        """Bring the pods to the settings of `after`; bring the agent in where it is due. Only if `acting`."""
        live, failures, said = after.live, dict[str, str](), list[Said]()
        if acting and view.agents.carrying and tuning.spec.apply.strategy is not ApplyStrategy.ROLLING_RESTART:
            texts = [pod.settings for pod in view.agents.carrying]
            live = live_after(live, document_of(after.applied, tuning.spec), texts, now)
            shares = _shares(tuning, target.workload, signals)
            failures = await self._bring(tuning, view.agents, live, shares, now)
            said += _shedding(shares, texts)
        injection = self._injection(tuning, target.workload, view, after, now) if acting else None
        decision = None
        if injection is not None and injection.hold is None:
            path = deployment_path(tuning.namespace, tuning.spec.target_ref.name)
            result = await restart_for_agent(self.api, path, target.workload, after.applied, now)
            if result.applied:
                decision = _decision(view, injection, now)
                live = live.model_copy(update={"injection_time": now})
                said.append((EventType.NORMAL, Reason.AGENT_MISSING, injection.message))
            else:
                said.append((EventType.WARNING, result.reason, result.message))
        if view.way is Route.LIVE and not view.stuck:
            live = live.model_copy(update={"injection_time": None})
        if acting and view.stuck and self.injecting:
            live, removal = await self._give_up(tuning, target, view, live, after, now)
            decision = removal or decision
        progress = AgentProgress(
            bare=view.agents.bare,
            carrying=len(view.agents.carrying),
            waiting=view.found.waiting,
            late=view.found.late,
            failed=tuple(failures.values()),
            seen=view.seen,
            given_up_because=_why_given_up(view, live) if live.gave_up(tuning.generation) else "",
        )
        counts = {
            "pods": progress.carrying + len(progress.bare),
            "agent_pods": progress.carrying,
            "acknowledged_pods": len(view.found.acknowledged) if live.generation > 0 else 0,
        }
        live = live.model_copy(update=counts)
        findings = findings_of_agents(
            progress,
            live,
            wanted=wants_agent(tuning.spec) and (self.injecting or tuning.spec.apply.strategy is ApplyStrategy.LIVE),
            missing_because=self._missing_because(target, injection, live),
        )
        return LiveStep(live=live, findings=findings, decision=decision, said=tuple(said))

    async def _give_up(
        self,
        tuning: FastAPITuning,
        target: Target,
        view: AgentView,
        live: Live,
        after: FastAPITuningStatus,
        now: datetime,
    ) -> tuple[Live, Decision | None]:
        """Undo what made things worse: first the webhook is told, a cycle later the pods restart without the agent.

        Pods that wait for an image, say, are never replaced by their ReplicaSet. At most once for a generation of the
        object, and only for pods that nobody but the webhook gave the agent.
        """
        if not live.gave_up(tuning.generation):
            return live.model_copy(update={"failed_generation": tuning.generation, "removal_time": None}), None
        if live.removal_time is not None:
            return live, None
        path = deployment_path(tuning.namespace, tuning.spec.target_ref.name)
        result = await restart_for_agent(self.api, path, target.workload, after.applied, now)
        if not result.applied:
            return live, None
        count = view.agents.count
        message = f"{_why_given_up(view, live)}: one rolling restart takes the agent out"
        decision = Decision(
            time=now,
            knob=AGENT_KNOB,
            from_value=str(count.carrying),
            to_value="0",
            reason=Reason.INJECTION_FAILED,
            message=message,
        )
        return live.model_copy(update={"removal_time": now}), decision

    async def _bring(
        self, tuning: FastAPITuning, agents: Agents, live: Live, shares: Mapping[str, float], now: datetime
    ) -> dict[str, str]:
        """Write to the pods that were asked for something else; messages by pod that could not be written."""
        expires_at = expiry_of(tuning.spec, now)
        wanted = {
            pod.name: PodSettings(
                generation=live.generation,
                document=live.settings,
                close_connections_share=shares.get(pod.name, 0.0),
                expires_at=expires_at,
            ).text()
            for pod in agents.carrying
        }
        different = {pod.name: wanted[pod.name] for pod in agents.carrying if pod.settings != wanted[pod.name]}
        if not different:
            return {}
        with self.metrics.live_write_seconds.time():
            return dict(await set_settings(self.api, tuning.namespace, different))

    def _injection(
        self, tuning: FastAPITuning, workload: Workload, view: AgentView, after: FastAPITuningStatus, now: datetime
    ) -> FirstInjection | None:
        if view.way is not Route.AGENT_FIRST:
            return None
        missed = any(each.type == ConditionType.OBJECTIVE_MET and each.status == "False" for each in after.conditions)
        return first_injection(tuning.spec, workload, view.agents.count, after.history, now, objective_missed=missed)

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


def _why_given_up(view: AgentView, live: Live) -> str:
    if view.stuck:
        return "pods with the agent do not start: " + ", ".join(
            f"{pod} {why}" for pod, why in sorted(view.stuck.items())
        )
    return "pods with the agent did not start"


def _shares(tuning: FastAPITuning, workload: Workload, signals: Signals) -> Mapping[str, float]:
    """None while pods are replaced: what is hot then is gone soon."""
    balanced = tuning.spec.effective_mode(tuning.spec.connections.mode) is not Mode.AUTO
    if balanced or workload.rollout_in_progress or not isinstance(signals, Traffic):
        return {}
    return shares_to_close(signals.pods, signals.window_seconds)


def _shedding(shares: Mapping[str, float], texts: list[str | None]) -> list[Said]:
    """Said when it begins, and not at each change of a share."""
    if not shares or any("closeConnectionsShare" in (text or "") for text in texts):
        return []
    pods = ", ".join(f"{pod} {share:.0%}" for pod, share in sorted(shares.items()))
    message = f"pods with more than their share of requests close connections after that share of answers: {pods}"
    return [(EventType.NORMAL, Reason.IMBALANCE, message)]


def _decision(view: AgentView, injection: FirstInjection, now: datetime) -> Decision:
    count = view.agents.count
    return Decision(
        time=now,
        knob=AGENT_KNOB,
        from_value=str(count.carrying),
        to_value=str(count.carrying + count.bare),
        reason=Reason.AGENT_MISSING,
        message=injection.message,
    )
