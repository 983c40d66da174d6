"""A reconciler in a world of its own: an API server, a load that follows the pods, and a clock that tests turn."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from fastapi_tuning.api.status import Condition, FastAPITuningStatus
from fastapi_tuning.api.tuning import FastAPITuning, tuning_of
from fastapi_tuning.api_server import Json
from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.live_path import LivePath
from fastapi_tuning.observe.controllers import ControllerReader
from fastapi_tuning.observe.prometheus import Sample
from fastapi_tuning.reconcile import Reconciler
from fastapi_tuning.report.events import EventRecorder
from fastapi_tuning.report.metrics import OperatorMetrics
from tests.unit.fakes.api_server import DEPLOYMENTS, FakeApiServer

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CHECKOUT = DEPLOYMENTS.format("shop", "checkout")
HISTOGRAM = "http_request_duration_highr_seconds"
UNTIL_NOON = NOW - timedelta(hours=2)


@dataclass
class Load:
    """A Prometheus that shows an even load on whatever pods there are; each pod has 40 threads, 0.1 s a request."""

    api: FakeApiServer
    requests_per_second: float
    reachable: bool = True
    resident_bytes: float | None = None
    """Of the process that answers; None: nobody measures it."""

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        if not self.reachable:
            raise MetricsUnavailable("connection refused")
        return tuple(sample for row in self._pods() for sample in self._samples(promql, *row))

    def _pods(self) -> list[tuple[str, str, float]]:
        deployments = self.api.deployments.values()
        return [
            (namespace, pod["metadata"]["name"], self.requests_per_second / deployment["spec"]["replicas"])
            for namespace, pods in self.api.pods.items()
            for pod in pods
            for deployment in deployments
            if deployment["spec"]["template"]["metadata"]["labels"] == pod["metadata"]["labels"]
        ]

    def _samples(self, promql: str, namespace: str, pod: str, rate: float) -> list[Sample]:
        labels = {"namespace": namespace, "pod": pod}
        if promql.startswith("count by"):
            return [Sample(labels={**labels, "__name__": f"{HISTOGRAM}_count"}, value=1)]
        if promql.startswith("max by (namespace, pod, __name__)"):
            gauges = {"fastapi_tuning_thread_pool_limit": 40.0, "process_resident_memory_bytes": self.resident_bytes}
            return [
                Sample(labels={**labels, "__name__": name}, value=value)
                for name, value in gauges.items()
                if value is not None
            ]
        if f"{HISTOGRAM}_bucket" in promql:
            return [Sample(labels={**labels, "le": edge}, value=rate) for edge in ("0.5", "+Inf")]
        value = {
            f"{HISTOGRAM}_sum": rate * 0.1,
            "fastapi_tuning_thread_pool_busy_seconds_total": rate * 0.1,
            "fastapi_tuning_requests_started_total": rate,
        }
        metric = re.search(r"rate\((\w+)", promql)
        assert metric is not None
        return [Sample(labels=labels, value=value[metric[1]])] if metric[1] in value else []


def readable(body: Json) -> FastAPITuning:
    parsed = tuning_of(body)
    assert isinstance(parsed, FastAPITuning)
    return parsed


def tuning(name: str = "checkout", *, created: datetime = UNTIL_NOON, **spec: Any) -> FastAPITuning:
    """Mode Auto, 1 to 10 replicas, watched for two hours."""
    annotations = spec.pop("annotations", {})
    return readable(
        {
            "metadata": {
                "namespace": "shop",
                "name": name,
                "uid": f"uid-{name}",
                "generation": 1,
                "creationTimestamp": created.isoformat(),
                "annotations": annotations,
            },
            "spec": {
                "targetRef": {"name": "checkout"},
                "mode": "Auto",
                "replicas": {"min": 1, "max": 10},
                "threadPool": {"mode": "Off"},
                **spec,
            },
            "status": {
                "history": {
                    "observedSince": UNTIL_NOON.isoformat(),
                    "lastObservationTime": (NOW - timedelta(seconds=15)).isoformat(),
                }
            },
        }
    )


@dataclass
class World:
    """A cluster, its load and an operator; 900 requests/s need four pods, 100 need one."""

    api: FakeApiServer = field(default_factory=FakeApiServer)
    load: Load = field(init=False)
    reconciler: Reconciler = field(init=False)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.load = Load(self.api, 900.0)
        metrics = OperatorMetrics(self.registry)
        self.reconciler = Reconciler(
            api=self.api,
            prometheus={"default": self.load},
            events=EventRecorder(api=self.api),
            metrics=metrics,
            controllers=ControllerReader(self.api),
            live_path=LivePath(api=self.api, metrics=metrics, enabled=True, injecting=False),
        )

    async def cycle(self, *due: FastAPITuning, after_seconds: int = 0) -> None:
        await self.reconciler.cycle(due, due, NOW + timedelta(seconds=after_seconds))

    def replicas(self) -> int:
        return int(self.api.deployments[CHECKOUT]["spec"]["replicas"])

    def status(self, name: str = "checkout") -> FastAPITuningStatus:
        """The newest that was written."""
        return FastAPITuningStatus.model_validate(self.api.statuses[name][-1])

    def condition(self, kind: str, name: str = "checkout") -> Condition:
        return next(entry for entry in self.status(name).conditions if entry.type == kind)

    def said(self) -> list[tuple[str, str]]:
        return [(event["type"], event["reason"]) for event in self.api.events]


def of_two_pods() -> World:
    """With the Deployment `checkout`, which is ready."""
    made = World()
    made.api.add_deployment(replicas=2)
    return made


KEEP_ALIVE = {"timeoutKeepAlive": {"mode": "Auto", "min": 30, "max": 30}}
"""One setting that the law moves at once."""
