"""Requests and limits of a container as the API of Kubernetes writes them."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from fastapi_tuning.api.model import ApiModel


class WorkerResources(StrEnum):
    """What becomes of requests and limits where the workers of a pod become pods."""

    KEEP = "Keep"
    """Each pod reserves what one with all the workers did."""
    DIVIDE = "Divide"
    """CPU and memory of each pod are divided by the workers, never below what one process needs."""


class ResourceQuantity(ApiModel):
    """One of them: `requests.cpu: 500m`."""

    kind: Annotated[str, Field(pattern="^(requests|limits)$", max_length=8)]
    resource: Annotated[str, Field(pattern="^(cpu|memory)$", max_length=6)]
    quantity: Annotated[str, Field(max_length=63)]

    @property
    def told(self) -> str:
        return f"{self.kind}.{self.resource} {self.quantity}"
