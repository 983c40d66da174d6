"""Which pods carry the agent, what they were asked for, and what they say they run with."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi_tuning.api.agent import INIT_CONTAINER, SETTINGS_ANNOTATION
from fastapi_tuning.api.status import Live
from fastapi_tuning.api_server import Json
from fastapi_tuning.control.observation import BlockingCall, Dependencies, Enforcement, LaunchForm, Signals, Traffic
from fastapi_tuning.control.route import AgentCount
from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe import queries
from fastapi_tuning.observe.dependencies import read_dependencies, summed
from fastapi_tuning.observe.prometheus import PrometheusReader, Sample
from fastapi_tuning.observe.signals import PodKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPod:
    """A pod that shows its annotation to an agent. `settings` is the annotation's value, None if it has none."""

    name: str
    settings: str | None
    ready_since: datetime | None
    """None: it is not ready."""
    created: datetime
    agent_trouble: str
    """Why the init container that brings the agent does not start, as the kubelet calls it; empty if it does."""
    app_trouble: str
    """The same of any other container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """All pods of a target that are not ending."""

    carrying: tuple[AgentPod, ...]
    bare: tuple[str, ...]
    """Names of the pods without the agent."""

    @property
    def count(self) -> AgentCount:
        return AgentCount(carrying=len(self.carrying), bare=len(self.bare))


_START_TIME = timedelta(minutes=2)
_IN_VAIN = re.compile("Err.*|.*BackOff|.*Error|InvalidImageName")
"""The kubelet's reasons that do not pass by waiting: ImagePullBackOff, ErrImagePull, RunContainerError, …"""


def stuck(agents: Agents, now: datetime, *, first_injection: bool) -> Mapping[str, str]:
    """Trouble by pod, of pods that the agent keeps from starting though they had two minutes.

    An app that does not start is the agent's fault only while the agent is the one thing that is new in its pods.
    """
    troubles = {
        pod.name: pod.agent_trouble or (pod.app_trouble if first_injection else "")
        for pod in agents.carrying
        if pod.ready_since is None and now - pod.created >= _START_TIME
    }
    return {pod: trouble for pod, trouble in troubles.items() if trouble}


def as_bare(agents: Agents) -> Agents:
    """The same pods for an operator that may not write to pods: an agent it cannot reach is none."""
    return Agents(carrying=(), bare=(*agents.bare, *(pod.name for pod in agents.carrying)))


def agents_of(pods: Iterable[Json]) -> Agents:
    """Sorts pods by whether their annotation reaches an agent; it does not matter who put that one in."""
    alive = [pod for pod in pods if _is_alive(pod)]
    return Agents(
        carrying=tuple(_agent_pod(pod) for pod in alive if _shows_settings(pod)),
        bare=tuple(pod["metadata"]["name"] for pod in alive if not _shows_settings(pod)),
    )


def ready_since(pod: Json) -> datetime | None:
    """When the pod became ready; None while it is not."""
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] == "True":
            time = condition.get("lastTransitionTime")
            return _LONG_AGO if time is None else datetime.fromisoformat(time)
    return None


_LONG_AGO = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _is_alive(pod: Json) -> bool:
    finished = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return not finished and "deletionTimestamp" not in pod["metadata"]


def _shows_settings(pod: Json) -> bool:
    """A downward-API volume with our annotation is what the live path needs, injected or written by the user."""
    path = f"metadata.annotations['{SETTINGS_ANNOTATION}']"
    return any(
        item.get("fieldRef", {}).get("fieldPath") == path
        for volume in pod.get("spec", {}).get("volumes", [])
        for item in volume.get("downwardAPI", {}).get("items", [])
    )


def _agent_pod(pod: Json) -> AgentPod:
    troubles = _troubles(pod.get("status", {}))
    return AgentPod(
        name=pod["metadata"]["name"],
        settings=(pod["metadata"].get("annotations") or {}).get(SETTINGS_ANNOTATION),
        ready_since=ready_since(pod),
        created=datetime.fromisoformat(pod["metadata"].get("creationTimestamp") or _LONG_AGO.isoformat()),
        agent_trouble=next((reason for name, reason in troubles if name == INIT_CONTAINER), ""),
        app_trouble=next((reason for name, reason in troubles if name != INIT_CONTAINER), ""),
    )


def _troubles(status: Json) -> list[tuple[str, str]]:
    """(container, reason) of those that wait in vain."""
    containers = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    waiting = [(each["name"], each.get("state", {}).get("waiting", {}).get("reason", "")) for each in containers]
    return [(name, reason) for name, reason in waiting if _IN_VAIN.fullmatch(reason)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReadings:
    """What the agents say of themselves, by pod."""

    generations: Mapping[PodKey, int]
    """Of the settings in force."""
    workers: Mapping[PodKey, int]
    """Worker processes that report."""
    workers_asked: Mapping[PodKey, int]
    """Worker processes that the command line or the environment asks for."""
    blocking: Mapping[PodKey, BlockingCall]
    """Pods whose event loop is never blocked are left out."""
    dependencies: Mapping[PodKey, Dependencies]
    """Pods that call nobody, or do not measure it, are left out."""

    def worst_blocking(self, namespace: str, agents: Agents) -> BlockingCall | None:
        """Of the pods of one target."""
        names = {pod.name for pod in agents.carrying}
        calls = [call for key, call in self.blocking.items() if key[0] == namespace and call.pod in names]
        return max(calls, key=lambda call: call.ratio, default=None)

    def dependencies_of(self, namespace: str, agents: Agents) -> Dependencies | None:
        """Of the pods of one target together; None where none of them measures any."""
        pods = ((namespace, pod.name) for pod in agents.carrying)
        return summed(self.dependencies[pod] for pod in pods if pod in self.dependencies)


NO_READINGS = AgentReadings(generations={}, workers={}, workers_asked={}, blocking={}, dependencies={})
BLOCKING_WINDOW_SECONDS = 60


def read_agents(reader: PrometheusReader, namespaces: Iterable[str], at: datetime) -> AgentReadings | None:
    """What all agents say, in three queries for all targets; None when Prometheus gave no answer."""
    wanted = set(namespaces)
    if not wanted:
        return NO_READINGS
    where = queries.selector(wanted)
    try:
        gauges = reader.query(queries.agents(where), at)
        blocking = reader.query(queries.blocked_loop(where, BLOCKING_WINDOW_SECONDS), at)
    except MetricsUnavailable:
        return None
    return AgentReadings(
        generations=_counts(gauges, queries.SETTINGS_GENERATION),
        workers=_counts(gauges, queries.WORKERS),
        workers_asked=_counts(gauges, queries.WORKERS_ASKED),
        blocking={sample.pod: _blocking_call(sample) for sample in blocking if 0 < sample.value < math.inf},
        dependencies=read_dependencies(reader, where, at),
    )


def _counts(samples: Iterable[Sample], metric: str) -> dict[PodKey, int]:
    return {
        sample.pod: int(sample.value) for sample in samples if sample.metric == metric and math.isfinite(sample.value)
    }


def counted_workers(launch: LaunchForm, readings: AgentReadings, agents: Agents, namespace: str) -> LaunchForm:
    """The launch form with the workers that the agents count, where the template does not tell and all pods agree.

    What the command line asks for, since workers come up one after the other; what there is, where the agent enforces.
    """
    if launch.workers is not None or agents.bare:
        return launch
    told = readings.workers if launch.enforcement is Enforcement.SET else readings.workers_asked or readings.workers
    counts = {told.get((namespace, pod.name)) for pod in agents.carrying if pod.ready_since is not None}
    count = counts.pop() if len(counts) == 1 else None
    if not count:
        return launch
    return replace(launch, workers=count, workers_from=f"the agents' count; in the template: {launch.workers_from}")


def _blocking_call(sample: Sample) -> BlockingCall:
    """More than all of the time is an artefact of the rate: the agent notes a stall when it is over."""
    place = sample.labels.get("where", "")[:_PLACE_LENGTH]
    return BlockingCall(pod=sample.pod[1], place=place, ratio=min(1.0, sample.value))


_PLACE_LENGTH = 200


ACKNOWLEDGEMENT_TIMEOUT = timedelta(seconds=60)
"""The agent answers within a second, but Prometheus sees that at the next scrape only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgements:
    """Ready pods by what they say about the newest settings; all names."""

    acknowledged: frozenset[str]
    waiting: frozenset[str]
    """Not yet, and still in time."""
    late: frozenset[str]


def acknowledgements(
    agents: Agents, namespace: str, live: Live, generations: Mapping[PodKey, int], now: datetime
) -> Acknowledgements:
    """Compare what the agents say with the generation that was asked for; pods that are not ready have time."""
    ready = {pod.name: pod.ready_since for pod in agents.carrying if pod.ready_since is not None}
    behind = {name for name in ready if generations.get((namespace, name), 0) < live.generation}
    late = frozenset(
        name for name in behind if now - max(ready[name], live.changed_time or ready[name]) > ACKNOWLEDGEMENT_TIMEOUT
    )
    return Acknowledgements(acknowledged=frozenset(ready.keys() - behind), waiting=frozenset(behind - late), late=late)


def marked(signals: Signals, found: Acknowledgements) -> Signals:
    """The signals, with the pods marked that do not run with what they were asked for."""
    if not isinstance(signals, Traffic):
        return signals
    behind = found.waiting | found.late
    return replace(signals, pods=tuple(replace(pod, acknowledged=pod.pod not in behind) for pod in signals.pods))
