"""Asks every metrics endpoint for what its own objects need, and all endpoints at the same time.

A slow one costs the others nothing but the wait for the end of the cycle.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.containment import contained
from fastapi_tuning.control.observation import NoData, Signals
from fastapi_tuning.errors import FastAPITuningError
from fastapi_tuning.observe.agents import AgentReadings, read_agents
from fastapi_tuning.observe.metrics import MetricsTarget, read_signals
from fastapi_tuning.observe.prometheus import PrometheusReader
from fastapi_tuning.observe.workloads import Target

Endpoints = Mapping[str, PrometheusReader]
"""By the name that `spec.metrics.endpoint` gives."""
Found = Mapping[tuple[str, str], Signals | FastAPITuningError]


async def read_signals_of(endpoints: Endpoints, targets: Iterable[MetricsTarget], now: datetime) -> Found:
    """Signals by target key. An endpoint that the settings do not have is NoData, and so is one that fails."""
    groups: dict[str, list[MetricsTarget]] = defaultdict(list)
    for target in targets:
        groups[target.metrics.endpoint].append(target)
    found = await asyncio.gather(*(_signals_from(endpoints, name, group, now) for name, group in groups.items()))
    return {key: signals for part in found for key, signals in part.items()}


async def read_agents_of(
    endpoints: Endpoints, namespaces: Mapping[str, frozenset[str]], now: datetime
) -> Mapping[str, AgentReadings | None]:
    """What the agents of some namespaces say, both by endpoint; None where there was no answer."""

    async def read(endpoint: str) -> AgentReadings | None:
        if endpoint not in endpoints:
            return None
        wanted = namespaces[endpoint]
        reading = asyncio.to_thread(read_agents, endpoints[endpoint], wanted, now)
        readings = await contained(reading, sorted(wanted))
        return None if isinstance(readings, FastAPITuningError) else readings

    return dict(zip(namespaces, await asyncio.gather(*map(read, namespaces)), strict=True))


async def _signals_from(endpoints: Endpoints, name: str, targets: list[MetricsTarget], now: datetime) -> Found:
    """All in one batch; should that end in an error nobody expected, each alone, so that one does not blind all."""
    if name not in endpoints:
        message = f"the operator's settings have no metrics endpoint {name}; they have {', '.join(endpoints)}"
        return {each.key: NoData(reason=Reason.ENDPOINT_UNKNOWN, message=message) for each in targets}
    reader, keys = endpoints[name], [target.key for target in targets]
    together = await contained(asyncio.to_thread(read_signals, reader, targets, now), keys)
    if not isinstance(together, FastAPITuningError):
        return together
    return {target.key: await _signals_of(reader, target, now) for target in targets}


async def _signals_of(reader: PrometheusReader, target: MetricsTarget, now: datetime) -> Signals | FastAPITuningError:
    alone = await contained(asyncio.to_thread(read_signals, reader, [target], now), target.key)
    return alone if isinstance(alone, FastAPITuningError) else alone[target.key]


def metrics_target(tuning: FastAPITuning, targets: Mapping[tuple[str, str], Target]) -> MetricsTarget:
    """What is to be asked about one object."""
    key = tuning.namespace, tuning.name
    return MetricsTarget(
        key=key,
        pods=targets[key].ready_pods,
        metrics=tuning.spec.metrics,
        threshold_seconds=tuning.spec.objectives.latency.threshold_seconds,
    )


def with_agents(
    tunings: Iterable[FastAPITuning], targets: Mapping[tuple[str, str], Target]
) -> Mapping[str, frozenset[str]]:
    """Namespaces with pods that carry the agent, by the endpoint that tells of them."""
    namespaces: dict[str, set[str]] = defaultdict(set)
    for tuning in tunings:
        if targets[tuning.namespace, tuning.name].agents.carrying:
            namespaces[tuning.spec.metrics.endpoint].add(tuning.namespace)
    return {endpoint: frozenset(names) for endpoint, names in namespaces.items()}
