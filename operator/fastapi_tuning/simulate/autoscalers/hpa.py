"""HorizontalPodAutoscaler v2 of Kubernetes: metric → recommendation → stabilised → rate-limited → bounded."""

from dataclasses import dataclass

from fastapi_tuning.simulate.autoscalers.hpa_behaviour import (
    DEFAULT_BEHAVIOUR,
    Behaviour,
    Recommendation,
    ScaleEvent,
    limit_rate,
    stabilise,
)
from fastapi_tuning.simulate.autoscalers.hpa_metrics import Metric
from fastapi_tuning.simulate.scaler import ClusterView, Command

DEFAULT_CPU_TARGET_PERCENT = 80
"""What the API server fills in when an object names no metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaBounds:
    """Fewest and most pods, both allowed."""

    least: int
    most: int

    def clamp(self, replicas: int) -> int:
        return max(self.least, min(self.most, replicas))


class HorizontalPodAutoscaler:
    """One HPA object with one metric; made anew for each run, since it keeps what the controller keeps in memory."""

    period_seconds = 15.0

    def __init__(self, metric: Metric, bounds: ReplicaBounds, behaviour: Behaviour = DEFAULT_BEHAVIOUR) -> None:
        self._metric = metric
        self._bounds = bounds
        self._behaviour = behaviour
        self._ready_since: dict[str, float] = {}
        self._recommendations: list[Recommendation] = []
        self._events: list[ScaleEvent] = []

    def __call__(self, view: ClusterView) -> Command:
        now, current = view.now_seconds, view.desired_replicas
        self._look_at_pods(view)
        if not self._recommendations:
            self._recommendations.append(Recommendation(seconds=now, replicas=current))
        if self._bounds.clamp(current) != current:
            return self._scale(now, current, self._bounds.clamp(current))
        wanted = self._metric.replicas(view, self._ready_since)
        if wanted is None:
            return Command()
        stabilised = stabilise(wanted, current, now, self._recommendations, self._behaviour)
        self._recommendations.append(Recommendation(seconds=now, replicas=wanted))
        self._forget(now)
        return self._scale(
            now, current, self._bounds.clamp(limit_rate(stabilised, current, now, self._events, self._behaviour))
        )

    def _look_at_pods(self, view: ClusterView) -> None:
        existing = {pod.name for pod in view.pods}
        self._ready_since = {name: since for name, since in self._ready_since.items() if name in existing}
        for pod in view.pods:
            if pod.ready:
                self._ready_since.setdefault(pod.name, view.now_seconds)

    def _scale(self, now: float, current: int, replicas: int) -> Command:
        if replicas == current:
            return Command()
        self._events.append(ScaleEvent(seconds=now, added=replicas - current))
        return Command(replicas=replicas)

    def _forget(self, now: float) -> None:
        rules = (self._behaviour.up, self._behaviour.down)
        window = max(each.stabilisation_seconds for each in rules)
        period = max(policy.period_seconds for each in rules for policy in each.policies)
        self._recommendations = [each for each in self._recommendations if each.seconds > now - window]
        self._events = [each for each in self._events if each.seconds > now - period]
