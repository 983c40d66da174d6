"""What a user wants while nothing is known of the target."""

from typing import Annotated

from pydantic import Field

from fastapi_tuning.api.model import ApiModel


class Fallback(ApiModel):
    """At least so many pods once nothing was known for so many cycles; data lost never takes a pod away.

    A cycle is missed when the metrics cannot be had or cannot be believed, for whatever reason.
    """

    min_replicas: Annotated[int, Field(ge=1, le=10_000)]
    """Fewest pods while nothing is known; more that are there stay."""
    after_missed_cycles: Annotated[int, Field(ge=1, le=1000)] = 8
    """Cycles in a row without data before that, of the operator's own: its absence counts none."""
