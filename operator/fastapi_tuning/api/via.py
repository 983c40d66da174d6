"""Through which autoscaler replicas are moved, and what is written down about that one."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from fastapi_tuning.api.model import ApiModel, Count


class ReplicasVia(StrEnum):
    """An autoscaler that the target has already."""

    HORIZONTAL_POD_AUTOSCALER = "HorizontalPodAutoscaler"
    """Of autoscaling/v2: its minReplicas and maxReplicas."""
    SCALED_OBJECT = "ScaledObject"
    """Of KEDA: its minReplicaCount and maxReplicaCount. The autoscaler that KEDA makes for it stays KEDA's."""


class DrivenAutoscaler(ApiModel):
    """The autoscaler whose bounds the operator moved, and what those were for its user."""

    kind: ReplicasVia
    name: Annotated[str, Field(max_length=253)]
    uid: Annotated[str, Field(max_length=63)]
    min_replicas: Count | None = None
    """Before the first move; absent: the object did not state it."""
    max_replicas: Count | None = None
    """Before the first move, or what somebody set since; absent: the object did not state it."""
