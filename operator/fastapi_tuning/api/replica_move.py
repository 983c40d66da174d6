"""A step of the replicas, as the history keeps it."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from fastapi_tuning.api.model import ApiModel


class ReplicaMove(ApiModel):
    """A change of the replica count that we made; the oscillation detector looks back over these."""

    time: AwareDatetime
    change: Annotated[int, Field(ge=-10_000, le=10_000)]
