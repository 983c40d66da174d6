"""What the status remembers of moves whose effect is watched, and of those that were taken back."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from fastapi_tuning.api.model import ApiModel, Count, Number


class WatchedMove(ApiModel):
    """A move, how things were just before it, and what was counted since under no more load than then."""

    time: AwareDatetime
    from_value: Count
    to_value: Count
    offered_per_second: Number
    """Mean over the last minutes before."""
    requests_before: Number
    late_before: Number
    failed_before: Number
    comparable_since: AwareDatetime | None = None
    """Since when what is seen may be held against what was before; absent: it may not."""
    watched_seconds: Number = "0"
    """For how long of that something was counted."""
    requests: Number = "0"
    late: Number = "0"
    failed: Number = "0"


class TakenBack(ApiModel):
    """A move that made it worse: it goes back, and is not tried again before `until`."""

    time: AwareDatetime
    from_value: Count
    to_value: Count
    offered_per_second: Number
    """Load that `fromValue` carried well."""
    until: AwareDatetime
    evidence: Annotated[str, Field(max_length=256)]

    @property
    def was_down(self) -> bool:
        return self.to_value < self.from_value


class Undo(ApiModel):
    """What is watched and held of one knob."""

    knob: Annotated[str, Field(max_length=63)]
    watch: WatchedMove | None = None
    taken_back: TakenBack | None = None
    backoff_seconds: Annotated[int, Field(ge=0, le=7200)] = 0
    """For how long the last one was not tried again; the next one is held for twice as long."""
