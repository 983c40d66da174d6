"""The pause that annotations ask for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.tuning import PAUSED_DIRECTION_ANNOTATION, PAUSED_UNTIL_ANNOTATION

FOR_EVER = datetime.fromisoformat("9999-12-31T00:00:00+00:00")
DIRECTIONS: Mapping[str, Direction] = {
    "both": Direction.BOTH,
    "scale-in": Direction.SCALE_IN,
    "scale-out": Direction.SCALE_OUT,
}
"""As people write them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Until when nothing is moved, or nothing in one direction."""

    until: datetime
    direction: Direction


def pause_of(annotations: Mapping[str, str]) -> Pause | None:
    """What the annotations ask for. A time that cannot be read is for ever, an unknown direction is both: somebody
    meant to pause. A direction without a time means nothing."""
    text = annotations.get(PAUSED_UNTIL_ANNOTATION)
    if text is None:
        return None
    direction = DIRECTIONS.get(annotations.get(PAUSED_DIRECTION_ANNOTATION, "both"), Direction.BOTH)
    return Pause(until=_time(text) or FOR_EVER, direction=direction)


def unreadable_pause(annotations: Mapping[str, str], now: datetime) -> str | None:
    """What to tell a person about an annotation that means nothing; None if there is nothing to tell, or no more."""
    text = annotations.get(PAUSED_UNTIL_ANNOTATION)
    if text is None:
        return None
    until = _time(text)
    if until is None:
        return (
            f"paused until the annotation {PAUSED_UNTIL_ANNOTATION} is gone: {text[:100]!r} is no RFC 3339 time with "
            "a zone"
        )
    direction = annotations.get(PAUSED_DIRECTION_ANNOTATION, "both")
    if direction not in DIRECTIONS and now < until:
        known = ", ".join(DIRECTIONS)
        return f"paused in both directions: {PAUSED_DIRECTION_ANNOTATION} is {direction[:100]!r}, and none of {known}"
    return None


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
