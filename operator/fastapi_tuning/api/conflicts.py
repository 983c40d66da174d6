"""What the status says of others who move what the operator would move."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from fastapi_tuning.api.model import ApiModel, Count
from fastapi_tuning.api.reasons import Reason


class KnobConflict(ApiModel):
    """A knob that is left to somebody else."""

    knob: Annotated[str, Field(max_length=63)]
    field: Annotated[str, Field(max_length=512)]
    """What the other one owns, as a path of the target."""
    owner: Annotated[str, Field(max_length=512)]
    """Who that is: a field manager with its operation, or an object."""
    reason: Reason
    until: AwareDatetime | None = None
    """When the operator goes on; absent: when the other one gives the field up."""


class ForeignMove(ApiModel):
    """A change of the replica count that was not ours: when it was noticed, what it led to, and who made it."""

    time: AwareDatetime
    replicas: Count
    by: Annotated[str, Field(max_length=253)]
    deliberate: bool = True
    """False: the number just came along with a manifest that was deployed."""
