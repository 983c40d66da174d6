"""Observation → Estimate: what the numbers mean, still without any wish to change something."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.api.status import History, number_of
from fastapi_tuning.control import capacity, demand
from fastapi_tuning.control.burn import HOUR, SLOT, ErrorBudget, error_budget, evidence_since
from fastapi_tuning.control.capacity import PodCapacity
from fastapi_tuning.control.objective import Verdict, evidence_of, judge, quantile
from fastapi_tuning.control.observation import Observation, Traffic
from fastapi_tuning.control.oscillation import effect_delay

_SHED_RATIO = 0.01
"""Refusing one request of a hundred is overload, whatever the latency of the others says."""
_IDLE_CPU = 0.6
SLOW = 1.5
"""Service time over the uncontended one, from which on something behind the pods is slower than it was."""
_FULL_POOL = 0.9
_WAITING_SHARE = 0.05
"""A queue counts from a twentieth of the pool on; a request or two always wait for a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """All that decisions are made from. Ratios are 0 to 1, rates per second over the whole workload."""

    offered_per_second: float
    served_per_second: float
    expected_per_second: float
    """Offered load one dead time ahead, if it goes on rising as it does."""
    requests_in_window: float
    bad_ratio: float
    """Late share of the requests that were answered."""
    error_ratio: float
    """Failed and shed share of the requests that were offered."""
    verdict: Verdict
    budget: ErrorBudget
    latency_percentile_seconds: float | None
    unevenness: float
    """See demand.imbalance."""
    busiest_per_second: float
    """Requests per second of the busiest pod in this window, new pods among the others."""
    capacity: PodCapacity
    cpu_utilisation: float | None = None
    """Busy share of what a pod may use."""
    slowdown: float | None = None
    """Present service time over the uncontended one."""
    busy_threads: float | None = None
    """Threads in use, per pod."""
    waiting: float | None = None
    """Requests that queue for a thread, per pod."""
    queued: float | None = None
    """The same over all pods."""
    shedding: bool = False

    @property
    def waits_downstream(self) -> bool:
        """The signature of something slow behind the pods: overload, idle cores, requests that take longer than alone.

        Where a limit refuses them already they do not, so refusing itself counts too, unless all threads are in use.
        """
        idle = self.cpu_utilisation is not None and self.cpu_utilisation < _IDLE_CPU
        return idle and not self.threads_bind and (self.shedding or (self.overloaded and self.is_slow))

    @property
    def pool_is_full(self) -> bool:
        """Whether all threads are in use."""
        pool, busy = self.capacity.threads, self.busy_threads
        return pool is not None and busy is not None and busy >= _FULL_POOL * pool

    @property
    def threads_bind(self) -> bool:
        """Whether all threads are in use, and by requests that take no longer than alone."""
        return self.pool_is_full and not self.is_slow

    @property
    def is_slow(self) -> bool:
        """Whether service takes clearly longer than alone."""
        return self.slowdown is not None and self.slowdown > SLOW

    def with_threads(self, threads: int) -> "Estimate":
        """The same pods with another pool."""
        return replace(self, capacity=self.capacity.with_threads(threads))

    def imbalance(self, pods: int) -> float:
        """Load of the busiest of `pods` over the mean."""
        return demand.imbalance(pods, self.unevenness)

    @property
    def queues(self) -> bool:
        """Whether requests wait for a thread."""
        pool = self.capacity.threads
        return self.waiting is not None and pool is not None and self.waiting > max(1.0, _WAITING_SHARE * pool)

    @property
    def overloaded(self) -> bool:
        """Whether demand exceeds service, as far as it shows."""
        return self.verdict is Verdict.MISSED or self.queues or self.shedding


def estimate(observation: Observation, traffic: Traffic, objectives: Objectives, history: History) -> Estimate:
    """Judge the window against the objective and work out what a pod can carry."""
    workload, learned, now = observation.workload, history.learned, observation.time
    found = capacity.capacity_of(traffic, workload, objectives, learned)
    evidence = evidence_of(traffic, traffic.window_seconds)
    offered = demand.offered(traffic)
    ahead = effect_delay(history, now).total_seconds()
    service_now = capacity.service_seconds_now(traffic, objectives)
    return Estimate(
        offered_per_second=offered,
        served_per_second=traffic.requests_per_second,
        expected_per_second=demand.forecast(offered, traffic, history.loads, now.timestamp(), ahead),
        requests_in_window=evidence.requests,
        bad_ratio=evidence.late / (traffic.requests_per_second * traffic.window_seconds),
        error_ratio=evidence.failed / evidence.requests,
        verdict=judge(traffic, evidence_since(history.evidence, _gather_from(history, now)), objectives),
        budget=error_budget(history.evidence, now),
        latency_percentile_seconds=quantile(traffic.buckets, objectives.latency.target_ratio),
        unevenness=number_of(learned.unevenness) or 0.0,
        busiest_per_second=max(
            (pod.served_per_second for pod in traffic.pods),
            default=traffic.requests_per_second / max(1, workload.ready_replicas),
        ),
        capacity=found,
        cpu_utilisation=capacity.cpu_utilisation_now(traffic.pods, workload),
        slowdown=service_now / found.service_seconds if service_now and found.service_seconds else None,
        busy_threads=_mean(pod.threads_busy for pod in traffic.pods),
        waiting=_mean(pod.threads_waiting for pod in traffic.pods),
        queued=_sum(pod.threads_waiting for pod in traffic.pods),
        shedding=(traffic.shed_per_second or 0.0) > _SHED_RATIO * offered,
    )


def _gather_from(history: History, now: datetime) -> datetime:
    """Evidence from before the last move says nothing of what is now. A slot's length stands in for the dead time."""
    moves = (history.last_scale_up_time, history.last_rollout_time, history.last_setting_time)
    return max([now - HOUR, *(time + SLOT + effect_delay(history, now) for time in moves if time is not None)])


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
