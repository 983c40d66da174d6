"""Shows what the agent knows through `prometheus_client`, if the app's process has that package.

A collector reads the values at each scrape, in whatever thread serves it; nothing here writes to the app.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from fastapi_tuning_agent.catalogue import CATALOGUE, Labels
from fastapi_tuning_agent.exposition import samples_of
from fastapi_tuning_agent.process import PROCESS


class AgentCollector(Collector):
    """Metrics of all apps in this process that have the agent."""

    def describe(self) -> Iterator[Metric]:
        # One name: a registry that asks at registration must not count an app that has not started.
        return iter([_metric("fastapi_tuning_agent_info", {})])

    def collect(self) -> Iterator[Metric]:
        for name, values in PROCESS.snapshot().items():
            if values:
                yield _metric(name, values)


def register() -> None:
    """Raises ValueError if the registry has metrics of these names already."""
    global _registered  # one registry, one collector
    if not _registered:
        REGISTRY.register(AgentCollector())
        _registered = True


_registered = False


def _metric(name: str, values: dict[Labels, float]) -> Metric:
    described = CATALOGUE[name]
    metric = Metric(name[: -len("_total")] if name.endswith("_total") else name, described.help, described.kind)
    for sample, labels, value in samples_of(name, values):
        metric.add_sample(sample, dict(labels), value)
    return metric
