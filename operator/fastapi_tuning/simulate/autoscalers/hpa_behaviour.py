"""How the HorizontalPodAutoscaler tames a recommendation: stabilisation windows and scaling policies.

After kubernetes/kubernetes, pkg/controller/podautoscaler/horizontal.go, `normalizeDesiredReplicasWithBehaviors`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """At most so many pods in a period."""

    value: int
    period_seconds: float

    def change(self, replicas: int) -> float:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Percent:
    """At most such a share of the pods in a period."""

    value: float
    period_seconds: float

    def change(self, replicas: int) -> float:
        return replicas * self.value / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRules:
    """One direction of `spec.behavior`; the policy that allows the most wins (`selectPolicy: Max`)."""

    stabilisation_seconds: float
    policies: tuple[Pods | Percent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """`spec.behavior`."""

    up: ScalingRules
    down: ScalingRules


DEFAULT_BEHAVIOUR = Behaviour(
    up=ScalingRules(
        stabilisation_seconds=0.0,
        policies=(Percent(value=100, period_seconds=15.0), Pods(value=4, period_seconds=15.0)),
    ),
    down=ScalingRules(stabilisation_seconds=300.0, policies=(Percent(value=100, period_seconds=15.0),)),
)
"""As the documentation of Kubernetes gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What the metrics asked for at a moment, before anything tamed it."""

    seconds: float
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleEvent:
    """A change that was made: pods added (negative: removed)."""

    seconds: float
    added: int


def stabilise(
    wanted: int, current: int, now_seconds: float, past: Sequence[Recommendation], behaviour: Behaviour
) -> int:
    """Up no further than the least, down no further than the most that the windows recommended."""
    least = min([wanted, *_within(past, now_seconds, behaviour.up.stabilisation_seconds)])
    most = max([wanted, *_within(past, now_seconds, behaviour.down.stabilisation_seconds)])
    return min(max(current, least), most)


def limit_rate(
    wanted: int, current: int, now_seconds: float, events: Sequence[ScaleEvent], behaviour: Behaviour
) -> int:
    """As many of the wanted replicas as the policies allow, counted from the start of each policy's period."""
    if wanted > current:
        ceilings = [_ceiling(policy, current, now_seconds, events) for policy in behaviour.up.policies]
        return min(wanted, max(current, *ceilings))
    if wanted < current:
        floors = [_floor(policy, current, now_seconds, events) for policy in behaviour.down.policies]
        return max(wanted, min(current, *floors))
    return current


def _ceiling(policy: Pods | Percent, current: int, now_seconds: float, events: Sequence[ScaleEvent]) -> int:
    start = _at_period_start(policy, current, now_seconds, events)
    return math.ceil(start + policy.change(start))


def _floor(policy: Pods | Percent, current: int, now_seconds: float, events: Sequence[ScaleEvent]) -> int:
    start = _at_period_start(policy, current, now_seconds, events)
    return math.trunc(start - policy.change(start))


def _at_period_start(policy: Pods | Percent, current: int, now_seconds: float, events: Sequence[ScaleEvent]) -> int:
    return current - sum(event.added for event in events if event.seconds > now_seconds - policy.period_seconds)


def _within(past: Sequence[Recommendation], now_seconds: float, window_seconds: float) -> list[int]:
    return [each.replicas for each in past if each.seconds > now_seconds - window_seconds]
