"""What to say about the agent in the pods: is it there, and does it run with what was asked for? Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import ConditionType, Live
from fastapi_tuning.control.diagnosis.event_loop import NOTICEABLE_RATIO
from fastapi_tuning.control.observation import BlockingCall
from fastapi_tuning.report.conditions import Finding, Findings

_MOST_NAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProgress:
    """Names of pods: without the agent, and those with it by what they acknowledged. `seen`: Prometheus answered."""

    bare: tuple[str, ...]
    carrying: int
    waiting: frozenset[str]
    late: frozenset[str]
    failed: tuple[str, ...]
    """What the API server said when the annotation of a pod could not be written."""
    seen: bool
    blocking: BlockingCall | None
    given_up_because: str
    """Why pods with the agent did not start; empty unless it was given up."""


def findings_of_agents(progress: AgentProgress, live: Live, *, wanted: bool, missing_because: str) -> Findings:
    """AgentInjected where an agent is wanted or there, SettingsAcknowledged where settings went out, EventLoopFree
    where an agent can tell."""
    found: dict[ConditionType, Finding] = {}
    if wanted or progress.carrying > 0:
        found[ConditionType.AGENT_INJECTED] = _injected(progress, missing_because)
    if progress.carrying > 0 and live.generation > 0:
        found[ConditionType.SETTINGS_ACKNOWLEDGED] = _acknowledged(progress, live.generation)
    if progress.carrying > 0:
        found[ConditionType.EVENT_LOOP_FREE] = _event_loop(progress)
    return found


def _injected(progress: AgentProgress, because: str) -> Finding:
    if progress.given_up_because:
        message = f"{progress.given_up_because}; the agent stays out until the object's spec changes"
        return Finding(status="False", reason=Reason.INJECTION_FAILED, message=message)
    if progress.bare:
        message = f"without the agent: {_names(progress.bare)}; {because}"
        return Finding(status="False", reason=Reason.NOT_INJECTED, message=message)
    if progress.carrying == 0:
        return Finding(status="Unknown", reason=Reason.TARGET_NOT_READY, message="there are no pods")
    return Finding(status="True", reason=Reason.AGENT_PRESENT, message=f"{progress.carrying} pods carry the agent")


def _acknowledged(progress: AgentProgress, generation: int) -> Finding:
    if progress.failed:
        return Finding(status="False", reason=Reason.WRITE_FAILED, message="; ".join(progress.failed[:_MOST_NAMES]))
    if not progress.seen:
        return Finding(status="Unknown", reason=Reason.PROMETHEUS_UNREACHABLE, message="no answer from Prometheus")
    if progress.late:
        message = (
            f"not at generation {generation}: {_names(progress.late)}; nothing is learned from them. "
            "Does Prometheus scrape the port ft-metrics, with the labels namespace and pod?"
        )
        return Finding(status="False", reason=Reason.NOT_ACKNOWLEDGED, message=message)
    if progress.waiting:
        message = f"not seen at generation {generation} yet: {_names(progress.waiting)}"
        return Finding(status="Unknown", reason=Reason.AWAITING_ACKNOWLEDGEMENT, message=message)
    return Finding(status="True", reason=Reason.ACKNOWLEDGED, message=f"every ready pod is at generation {generation}")


def _event_loop(progress: AgentProgress) -> Finding:
    if not progress.seen:
        return Finding(status="Unknown", reason=Reason.PROMETHEUS_UNREACHABLE, message="no answer from Prometheus")
    call = progress.blocking
    if call is None or call.ratio < NOTICEABLE_RATIO:
        return Finding(status="True", reason=Reason.EVENT_LOOP_FREE, message="no line of code holds up other requests")
    message = (
        f"{call.place} blocks the event loop {call.ratio:.0%} of the time (pod {call.pod}): no other request moves "
        "meanwhile, and neither threads nor limits help. Make its endpoint `def`, or await asyncio.to_thread(…)"
    )
    return Finding(status="False", reason=Reason.EVENT_LOOP_BLOCKED, message=message)


def _names(pods: Iterable[str]) -> str:
    names = sorted(pods)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
