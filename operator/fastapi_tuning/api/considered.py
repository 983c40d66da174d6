"""What the status says of the newest thoughts about each knob."""

from typing import Annotated

from pydantic import Field

from fastapi_tuning.api.model import ApiModel, Count
from fastapi_tuning.api.reasons import Reason


class GuardAnswer(ApiModel):
    """What one guard made of a wish: another value, or (without one) no move now."""

    reason: Reason
    value: Count | None = None
    message: Annotated[str, Field(max_length=256)] = ""


class Consideration(ApiModel):
    """What the newest cycle thought about one knob, moved or not."""

    knob: Annotated[str, Field(max_length=63)]
    current: Count | None = None
    wished: Count
    """What the rule wanted, before any guard."""
    reason: Reason
    message: Annotated[str, Field(max_length=512)] = ""
    guards: Annotated[tuple[GuardAnswer, ...], Field(max_length=8)] = ()
    """In the order in which they had something to say."""
    moved_to: Count | None = None
    """What was set; absent: nothing was."""
