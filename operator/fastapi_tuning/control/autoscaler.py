"""An autoscaler of the target's that moves the pods for us within bounds that we set (spec.replicas.via). Pure.

Why the bounds are as they are: docs/design/20261124-through-an-autoscaler.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi_tuning.api.status import Settings
from fastapi_tuning.api.via import DrivenAutoscaler, ReplicasVia

BOUND_FIELDS: Mapping[ReplicasVia, tuple[str, str]] = {
    ReplicasVia.HORIZONTAL_POD_AUTOSCALER: ("minReplicas", "maxReplicas"),
    ReplicasVia.SCALED_OBJECT: ("minReplicaCount", "maxReplicaCount"),
}
"""Fields of its spec that hold the least and the most pods."""
_UNSTATED: Mapping[ReplicasVia, tuple[int, int]] = {
    ReplicasVia.HORIZONTAL_POD_AUTOSCALER: (1, 1),
    ReplicasVia.SCALED_OBJECT: (0, 100),
}
"""What holds where they are absent; a HorizontalPodAutoscaler without a maximum is none that the API server stores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaler:
    """As the API server shows it."""

    kind: ReplicasVia
    name: str
    uid: str
    resource_version: str
    """For compare-and-set."""
    stated_floor: int | None
    """The least pods as the object has it; None: it does not state it."""
    stated_ceiling: int | None
    """The most pods, likewise."""
    ceiling_owner: str | None = None
    """The field manager that states the most pods for good; None: nobody does, or we."""

    @property
    def floor(self) -> int:
        return _UNSTATED[self.kind][0] if self.stated_floor is None else self.stated_floor

    @property
    def ceiling(self) -> int:
        return _UNSTATED[self.kind][1] if self.stated_ceiling is None else self.stated_ceiling

    @property
    def told(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def floor_field(self) -> str:
        return f"spec.{BOUND_FIELDS[self.kind][0]} of {self.told}"

    @property
    def ceiling_field(self) -> str:
        return f"spec.{BOUND_FIELDS[self.kind][1]} of {self.told}"


def users_ceiling(autoscaler: Autoscaler, driven: DrivenAutoscaler | None, applied: Settings) -> int:
    """The most pods that the autoscaler's user lets it make: what stands, or what stood before we moved that."""
    if driven is None or driven.uid != autoscaler.uid or applied.max_replicas != autoscaler.ceiling:
        return autoscaler.ceiling
    return _UNSTATED[autoscaler.kind][1] if driven.max_replicas is None else driven.max_replicas


def driven_after(
    driven: DrivenAutoscaler | None, autoscaler: Autoscaler | None, applied: Settings, *, moved: bool
) -> DrivenAutoscaler | None:
    """What is to be written down after a cycle that `moved` a bound, or did not.

    Args:
        applied: what was ours before the cycle.
    """
    if autoscaler is None:
        return driven
    if driven is not None and driven.uid == autoscaler.uid:
        if applied.max_replicas == autoscaler.ceiling:
            return driven
        return driven.model_copy(update={"max_replicas": autoscaler.stated_ceiling})
    if not moved:
        return None
    return DrivenAutoscaler(
        kind=autoscaler.kind,
        name=autoscaler.name,
        uid=autoscaler.uid,
        min_replicas=autoscaler.stated_floor,
        max_replicas=autoscaler.stated_ceiling,
    )
