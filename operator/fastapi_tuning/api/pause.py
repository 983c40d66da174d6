"""The pause that an annotation asks for. Pure."""

from collections.abc import Mapping
from datetime import datetime

from fastapi_tuning.api.tuning import PAUSED_UNTIL_ANNOTATION

_FOR_EVER = datetime.fromisoformat("9999-12-31T00:00:00+00:00")


def paused_until(annotations: Mapping[str, str]) -> datetime | None:
    """The annotation's time; one that cannot be read pauses for ever, since somebody meant to pause."""
    text = annotations.get(PAUSED_UNTIL_ANNOTATION)
    return None if text is None else _time(text) or _FOR_EVER


def unreadable_pause(annotations: Mapping[str, str]) -> str | None:
    """What to tell a person about an annotation that is no time; None if there is nothing to tell."""
    text = annotations.get(PAUSED_UNTIL_ANNOTATION)
    if text is None or _time(text) is not None:
        return None
    return (
        f"paused until the annotation {PAUSED_UNTIL_ANNOTATION} is gone: {text[:100]!r} is no RFC 3339 time with a zone"
    )


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
