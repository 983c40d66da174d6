"""A pod as a pipe: what golden traces let the law act on. No queueing theory; that is the simulator's business.

Each ready pod serves at most threads / service time and 1 / CPU time, all together at most what is behind them; what
exceeds that waits, and whoever waited is late.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, MetricsSource
from fastapi_tuning.api.status import DatabaseShare, History, Settings
from fastapi_tuning.control.cycle import Outcome, Surroundings, tune
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.ledger import applied_after, history_after
from fastapi_tuning.control.observation import (
    Delivery,
    LatencyBucket,
    LaunchForm,
    NoData,
    NoTraffic,
    Observation,
    PodTraffic,
    Signals,
    Traffic,
    Workload,
)

CYCLE_SECONDS = 15
_START = datetime(2026, 1, 1, tzinfo=UTC)
_LONGEST_WAIT_SECONDS = 10.0
_LAUNCH = LaunchForm(server="uvicorn", workers=1, workers_from="default", worker_variables=(), settings=())


@dataclass(kw_only=True)
class Plant:
    """The service of a scenario and the operator beside it. `pods` are the keys of the scenario file."""

    spec: FastAPITuningSpec
    replicas: int
    threads: int = 40
    service_seconds: float = 0.1
    cpu_seconds: float = 0.002
    downstream_per_second: float = math.inf
    agent: bool = True
    delivery: Delivery = Delivery.LIVE
    template: str = "v1"
    seconds: int = 0
    ready: int = field(init=False)
    backlog: float = 0.0
    history: History = field(default_factory=History)
    applied: Settings = field(default_factory=Settings)
    database: DatabaseShare | None = None

    def __post_init__(self) -> None:
        self.ready = self.replicas

    def cycle(self, offered: float | str) -> tuple[Observation, Outcome]:
        """One look, one decision, and 15 s of what follows. `offered`: requests/s, or "lost" (no data)."""
        signals = self._signals(offered)
        seen = Observation(time=_START + timedelta(seconds=self.seconds), workload=self._workload(), signals=signals)
        outcome = tune(self.spec, seen, self.history, Surroundings(applied=self.applied, database=self.database))
        self.history = history_after(outcome.history, seen, outcome.estimate, outcome.moves, outcome.verdicts)
        self.applied = applied_after(self.applied, outcome.moves)
        self.ready = self.replicas
        self.replicas = outcome.moves.get(Knob.REPLICAS, self.replicas)
        self.ready = min(self.ready, self.replicas)
        self.threads = outcome.moves.get(Knob.THREADS, self.threads)
        self.seconds += CYCLE_SECONDS
        return seen, outcome

    def _workload(self) -> Workload:
        return Workload(
            uid="golden",
            template_hash=self.template,
            container="app",
            desired_replicas=self.replicas,
            ready_replicas=self.ready,
            scale_resource_version="1",
            rollout_in_progress=False,
            launch=_LAUNCH,
            cpu_limit_cores=None,
            delivery=self.delivery,
        )

    def _signals(self, offered: float | str) -> Signals:
        if isinstance(offered, str):
            return NoData(reason=Reason.PROMETHEUS_UNREACHABLE, message=offered)
        most = min(
            self.ready * min(self.threads / self.service_seconds, 1 / self.cpu_seconds), self.downstream_per_second
        )
        served = min(most, offered + self.backlog / CYCLE_SECONDS)
        before = self.backlog
        self.backlog = min(most * _LONGEST_WAIT_SECONDS, max(0.0, before + (offered - served) * CYCLE_SECONDS))
        if served <= 0:
            return NoTraffic(source=MetricsSource.FASTAPI_INSTRUMENTATOR, scraped_pods=self.ready)
        late = served if self.backlog > 1 else 0.0
        return Traffic(
            source=MetricsSource.FASTAPI_INSTRUMENTATOR,
            window_seconds=60,
            requests_per_second=served,
            failed_per_second=0.0,
            fast_per_second=served - late,
            edge_seconds=0.5,
            average_latency_seconds=self.service_seconds + self.backlog / most,
            buckets=(
                LatencyBucket(upper_seconds=0.5, requests_per_second=served - late),
                LatencyBucket(upper_seconds=math.inf, requests_per_second=served),
            ),
            pods=tuple(self._pod(index, served / self.ready) for index in range(self.ready)),
            queue_growth_per_second=(self.backlog - before) / CYCLE_SECONDS if self.agent else 0.0,
            scraped_pods=self.ready,
        )

    def _pod(self, index: int, served: float) -> PodTraffic:
        pod = PodTraffic(
            pod=f"pod-{index}", served_per_second=served, ready_seconds=600.0, cpu_cores=served * self.cpu_seconds
        )
        return pod if not self.agent else _with_agent(pod, self, served)


def _with_agent(pod: PodTraffic, plant: Plant, served: float) -> PodTraffic:
    in_flight = served * plant.service_seconds + plant.backlog / plant.ready
    busy = min(float(plant.threads), in_flight)
    seen: dict[str, Any] = {
        "threads": plant.threads,
        "threads_busy": busy,
        "threads_waiting": in_flight - busy,
        "thread_seconds_per_request": max(plant.service_seconds, busy / served),
    }
    return PodTraffic(
        pod=pod.pod,
        served_per_second=pod.served_per_second,
        ready_seconds=pod.ready_seconds,
        cpu_cores=pod.cpu_cores,
        **seen,
    )
