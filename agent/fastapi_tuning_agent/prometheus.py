"""Shows what the agent knows through `prometheus_client`, if the app's process has that package.

A collector reads the values at each scrape, in whatever thread serves it; nothing here writes to the app.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fastapi_tuning_agent.version import __version__

if TYPE_CHECKING:
    from fastapi_tuning_agent.install import Agent


class AgentCollector(Collector):
    """Metrics of all apps in this process that have the agent, added up: one process, one pod's worth."""

    def __init__(self) -> None:
        self._agents: list[Agent] = []

    def add(self, agent: Agent) -> None:
        self._agents.append(agent)

    def describe(self) -> Iterator[Metric]:
        # Names only: a registry that asks at registration must not count an app that has not started.
        return iter([_info()])

    def collect(self) -> Iterator[Metric]:
        yield _info()
        yield CounterMetricFamily(
            "fastapi_tuning_requests_started",
            "Requests that arrived, counted before the app handles them, without probes and scrapes",
            value=sum(agent.requests.started for agent in self._agents),
        )
        yield GaugeMetricFamily(
            "fastapi_tuning_requests_in_flight",
            "Requests that arrived and are not answered yet",
            value=sum(agent.requests.in_flight for agent in self._agents),
        )
        pools = [agent.thread_pool for agent in self._agents if agent.thread_pool]
        if not pools:
            return
        yield GaugeMetricFamily(
            "fastapi_tuning_thread_pool_limit",
            "Threads that may run `def` endpoints: the value in force",
            value=sum(pool.limit for pool in pools),
        )
        yield GaugeMetricFamily(
            "fastapi_tuning_thread_pool_busy",
            "Threads in use",
            value=sum(pool.busy for pool in pools),
        )
        yield GaugeMetricFamily(
            "fastapi_tuning_thread_pool_waiting",
            "Calls waiting for a thread",
            value=sum(pool.waiting for pool in pools),
        )
        counted = [pool.busy_time for pool in pools if pool.busy_time]
        if not counted:
            return
        yield CounterMetricFamily(
            "fastapi_tuning_thread_pool_busy_seconds",
            "Integral of busy threads over time",
            value=sum(busy_time.busy_seconds() for busy_time in counted),
        )
        yield CounterMetricFamily(
            "fastapi_tuning_thread_pool_calls",
            "Calls that gave their thread back",
            value=sum(busy_time.calls() for busy_time in counted),
        )


def _info() -> Metric:
    info = GaugeMetricFamily(
        "fastapi_tuning_agent_info",
        "Always 1; the labels tell versions, empty where a package is missing",
        labels=["version", "uvicorn", "anyio"],
    )
    info.add_metric([__version__, _version_of("uvicorn"), _version_of("anyio")], 1)
    return info


def _version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


COLLECTOR = AgentCollector()
REGISTRY.register(COLLECTOR)
