"""How the HorizontalPodAutoscaler turns one metric into a number of replicas.

After kubernetes/kubernetes, pkg/controller/podautoscaler/replica_calculator.go (release 1.34), whose prose form is
"Algorithm details" of https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/.
Every metric answers with replicas, or None where the controller would give up until the next sync.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from fastapi_tuning.simulate.scaler import ClusterView, PodView

TOLERANCE = 0.1
CPU_INITIALISATION_SECONDS = 300.0
METRIC_WINDOW_SECONDS = 15.0
"""Window and resolution of metrics-server: a pod's first CPU sample counts once it covers only time as ready."""

ReadySince = Mapping[str, float]
"""Pod name → second at which it was first seen ready; absent: never seen ready."""


class Metric(Protocol):
    """One entry of `spec.metrics`."""

    def replicas(self, view: ClusterView, ready_since: ReadySince) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUtilisation:
    """`type: Resource`: CPU of the pods as a percentage of what they request."""

    target_percent: int

    def replicas(self, view: ClusterView, ready_since: ReadySince) -> int | None:
        running = [pod for pod in view.pods if not _set_aside(pod, view.now_seconds, ready_since)]
        known = {pod.name: pod.cpu_cores for pod in running if pod.cpu_cores is not None}
        missing = {pod.name for pod in view.pods if pod.cpu_cores is None}
        unready = {pod.name for pod in view.pods} - known.keys() - missing
        requests = {pod.name: pod.cpu_request_cores for pod in view.pods}
        if not known:
            return None

        def ratio(usage: Mapping[str, float]) -> float:
            requested = sum(requests[name] for name in usage)
            return math.floor(100 * sum(usage.values()) / requested + 1e-9) / self.target_percent

        assumed = {name: requests[name] * max(100, self.target_percent) / 100 for name in missing}
        return _replicas(known, ratio=ratio, unready=unready, assumed=assumed, current=view.desired_replicas)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestsPerPod:
    """`type: Pods` with `averageValue`: requests per second of each pod, from the custom metrics API."""

    target_per_second: float

    def replicas(self, view: ClusterView, ready_since: ReadySince) -> int | None:
        rates = {pod.name: pod.requests_per_second for pod in view.pods}
        known = {name: rate for name, rate in rates.items() if rate is not None}
        if not known:
            return None

        def ratio(usage: Mapping[str, float]) -> float:
            return sum(usage.values()) / len(usage) / self.target_per_second

        assumed = dict.fromkeys(rates.keys() - known.keys(), self.target_per_second)
        return _replicas(known, ratio=ratio, unready=set(), assumed=assumed, current=view.desired_replicas)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyP99:
    """`type: Object` (or External) with `value`: the p99 of the service; a latency is no sum to share among pods."""

    target_seconds: float

    def replicas(self, view: ClusterView, ready_since: ReadySince) -> int | None:
        if view.latency_p99_seconds is None:
            return None
        ratio = view.latency_p99_seconds / self.target_seconds
        if within_tolerance(ratio):
            return view.desired_replicas
        return math.ceil(ratio * sum(pod.ready for pod in view.pods))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalRequests:
    """`type: External` with `averageValue`: the sum over the service, shared among the pods that exist.

    An empty answer counts as 0, as KEDA's Prometheus trigger has it by default (`ignoreNullValues: true`).
    """

    target_per_second: float

    def replicas(self, view: ClusterView, ready_since: ReadySince) -> int | None:
        total = view.requests_per_second or 0.0
        existing = len(view.pods)
        if existing and within_tolerance(total / (self.target_per_second * existing)):
            return existing
        return math.ceil(total / self.target_per_second)


def within_tolerance(ratio: float) -> bool:
    """Whether the HPA leaves a ratio of value to target alone."""
    return 1 - TOLERANCE <= ratio <= 1 + TOLERANCE


class _Ratio(Protocol):
    def __call__(self, usage: Mapping[str, float]) -> float: ...


def _replicas(
    known: Mapping[str, float],
    *,
    ratio: _Ratio,
    unready: set[str],
    assumed: Mapping[str, float],
    current: int,
) -> int:
    """Replicas from usage by pod; `assumed` is the usage of pods without a sample, should the step go down.

    Going up, those pods and the unready ones are taken to use nothing; a step that this turns round is not made.
    """
    first = ratio(known)
    growing_with_unready = bool(unready) and first > 1
    if not growing_with_unready and not assumed:
        return current if within_tolerance(first) else math.ceil(first * len(known))
    usage = dict(known)
    if first < 1:
        usage |= assumed
    elif first > 1:
        usage |= dict.fromkeys(assumed, 0.0)
    if growing_with_unready:
        usage |= dict.fromkeys(unready, 0.0)
    second = ratio(usage)
    turned = (first < 1 < second) or (second < 1 < first)
    if within_tolerance(second) or turned:
        return current
    wanted = math.ceil(second * len(usage))
    against_the_ratio = (second < 1 and wanted > current) or (second > 1 and wanted < current)
    return current if against_the_ratio else wanted


def _set_aside(pod: PodView, now_seconds: float, ready_since: ReadySince) -> bool:
    """Whether a pod's CPU sample is not yet trusted.

    For five minutes from the pod's start: until it is ready and one whole metric window lies behind that. Later: only
    a pod that never was ready.
    """
    since = ready_since.get(pod.name)
    if now_seconds - pod.started_seconds < CPU_INITIALISATION_SECONDS:
        return not pod.ready or since is None or now_seconds - since < METRIC_WINDOW_SECONDS
    return not pod.ready and since is None
