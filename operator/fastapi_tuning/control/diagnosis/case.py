"""What a signature looks at, and what it answers."""

from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import History, LimitingFactor
from fastapi_tuning.control import capacity, growth
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import BlockingCall, Dependencies, Traffic, Workload

_IDLE_CPU = 0.6
_COMPUTING_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """That this factor limits the service: how well the evidence fits (0 to 1), and its numbers for people."""

    factor: LimitingFactor
    confidence: float
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One service with requests at one moment."""

    now: datetime
    spec: FastAPITuningSpec
    workload: Workload
    traffic: Traffic
    found: Estimate
    history: History
    dependencies: Dependencies | None
    """With sound numbers only; None: not measured."""
    blocking: BlockingCall | None

    @property
    def threshold_seconds(self) -> float:
        return self.spec.objectives.latency.threshold_seconds

    @property
    def in_danger(self) -> bool:
        """The objective is missed, or will be: requests queue or are refused."""
        return self.found.overloaded

    @property
    def is_late(self) -> bool:
        """The objective is missed by its latency, not by errors alone."""
        objectives = self.spec.objectives
        limit = objectives.average_latency_milliseconds
        slow_on_average = limit is not None and self.traffic.average_latency_seconds * 1000 > limit
        late = self.found.bad_ratio > 1 - objectives.latency.target_ratio
        return self.found.verdict is Verdict.MISSED and (late or slow_on_average)

    @property
    def is_slow_or_full(self) -> bool:
        return self.is_late or self.found.queues or self.found.shedding

    @property
    def computes_little(self) -> bool:
        """Whether cores are known to have room."""
        used = self.found.cpu_utilisation
        return used is not None and used < _IDLE_CPU

    @property
    def requests_compute(self) -> bool:
        """Whether a request computes for half of its time or more, when nobody is in its way."""
        work, whole = self.found.capacity.cpu_seconds_per_request, self.found.capacity.service_seconds
        return work is not None and whole is not None and work >= _COMPUTING_SHARE * whole

    @property
    def more_was_in_vain(self) -> bool:
        """More pods or threads brought nothing, or it looks as if they would not."""
        threads = growth.is_suspected(self.history.thread_growth, self.now)
        return self.pods_were_in_vain or threads or self.waits_elsewhere

    @property
    def waits_elsewhere(self) -> bool:
        """Requests take longer than alone while cores idle, and do not compute."""
        return self.found.waits_downstream and self.found.is_slow and not self.requests_compute

    @property
    def pods_were_in_vain(self) -> bool:
        """More pods were tried, with the connections that they bring, and no more was served."""
        return growth.is_suspected(self.history.replica_growth, self.now)

    @property
    def load_share(self) -> float | None:
        """Load of the busiest pod over what a pod safely carries; None while that is unknown.

        Doubts about the pods do not count: a database makes them too.
        """
        capacity, ready = self.found.capacity, max(1, self.workload.ready_replicas)
        if not capacity.safe_per_second:
            return None
        safe = capacity.safe_per_second / min(1.0, capacity.correction)
        return self.found.imbalance(ready) * self.found.offered_per_second / (safe * ready)

    @property
    def is_fully_loaded(self) -> bool:
        share = self.load_share
        return share is not None and share >= 1

    @property
    def request_seconds(self) -> float:
        """What a request takes from a thread on, or as a whole where it needs none; in young pods where all are."""
        warm = capacity.service_seconds_now(self.traffic, self.spec.objectives)
        return warm or capacity.thread_seconds(self.traffic.pods) or self.traffic.average_latency_seconds


def rise(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, a line between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
