"""Knative's pod autoscaler (KPA) on concurrency: two windows, and a panic that only grows.

After knative/serving, pkg/autoscaler/scaling/autoscaler.go and pkg/autoscaler/aggregation/bucketing.go; defaults of
config/core/configmaps/autoscaler.yaml.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi_tuning.simulate.autoscalers.hpa import ReplicaBounds
from fastapi_tuning.simulate.scaler import Command, View

TARGET_UTILISATION = 0.7
"""Share of a pod's concurrency limit that is aimed at."""
DEFAULT_LIMIT = 100.0
"""`container-concurrency-target-default`: the soft limit when a service names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KpaSettings:
    """What the autoscaler's ConfigMap holds. `target` is in requests in flight per pod."""

    target: float = TARGET_UTILISATION * DEFAULT_LIMIT
    stable_window_seconds: float = 60.0
    panic_window_seconds: float = 6.0
    panic_threshold: float = 2.0
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    seconds: float
    concurrency: float


class KnativePodAutoscaler:
    """One revision's decider; made anew for each run, since it keeps windows and the state of panic."""

    period_seconds = 2.0

    def __init__(self, settings: KpaSettings, bounds: ReplicaBounds) -> None:
        self._settings = settings
        self._bounds = bounds
        self._reports: list[_Report] = []
        self._panic_since: float | None = None
        self._most_in_panic = 0
        self._began = False

    def __call__(self, view: View) -> Command:
        now = view.now_seconds
        ready = sum(pod.ready for pod in view.pods)
        self._begin(now, ready)
        self._record(view)
        if not self._reports:
            return Command()
        wanted = self._bounds.clamp(self._decide(now, max(1, ready)))
        return Command(replicas=wanted) if wanted != view.desired_replicas else Command()

    def _begin(self, now: float, ready: int) -> None:
        """A decider that starts over several pods has lost its windows, so it starts in panic: no way down."""
        if not self._began:
            self._began = True
            self._panic_since = now if ready > 1 else None
            self._most_in_panic = ready

    def _record(self, view: View) -> None:
        seen = [pod.concurrency for pod in view.pods if pod.ready and pod.concurrency is not None]
        if seen:
            self._reports.append(_Report(seconds=view.now_seconds, concurrency=sum(seen)))
        oldest = view.now_seconds - self._settings.stable_window_seconds
        self._reports = [report for report in self._reports if report.seconds > oldest]

    def _decide(self, now: float, ready: int) -> int:
        settings = self._settings
        stable = math.ceil(_mean(self._reports, now, settings.stable_window_seconds) / settings.target)
        panic = math.ceil(_mean(self._reports, now, settings.panic_window_seconds) / settings.target)
        most = math.ceil(settings.max_scale_up_rate * ready)
        least = math.floor(ready / settings.max_scale_down_rate)
        self._watch_for_panic(now, over=panic / ready >= settings.panic_threshold)
        wanted = min(max(stable, least), most)
        if self._panic_since is None:
            return wanted
        self._most_in_panic = max(self._most_in_panic, wanted, min(max(panic, least), most))
        return self._most_in_panic

    def _watch_for_panic(self, now: float, *, over: bool) -> None:
        """Panic lasts until the threshold has not been reached for more than a stable window."""
        if over:
            self._panic_since = now
        elif self._panic_since is not None and now - self._panic_since > self._settings.stable_window_seconds:
            self._panic_since = None
            self._most_in_panic = 0


def _mean(reports: Sequence[_Report], now: float, window_seconds: float) -> float:
    """Mean of the reports within the window; 0 if there is none, so that silence never starts a panic."""
    recent = [report.concurrency for report in reports if report.seconds > now - window_seconds]
    return sum(recent) / len(recent) if recent else 0.0
