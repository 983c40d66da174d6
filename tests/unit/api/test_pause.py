"""What the annotations of a pause ask for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.pause import FOR_EVER, pause_of, unreadable_pause
from fastapi_tuning.api.tuning import PAUSED_DIRECTION_ANNOTATION, PAUSED_UNTIL_ANNOTATION

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVENING = "2026-01-01T18:00:00Z"


@pytest.mark.parametrize(
    ("written", "direction"),
    [
        (None, Direction.BOTH),
        ("both", Direction.BOTH),
        ("scale-in", Direction.SCALE_IN),
        ("scale-out", Direction.SCALE_OUT),
    ],
)
def test_a_pause_has_an_end_and_may_have_a_direction(written: str | None, direction: Direction) -> None:
    annotations = {PAUSED_UNTIL_ANNOTATION: EVENING}
    if written is not None:
        annotations[PAUSED_DIRECTION_ANNOTATION] = written

    pause = pause_of(annotations)

    assert pause is not None
    assert (pause.until, pause.direction) == (datetime(2026, 1, 1, 18, tzinfo=UTC), direction)
    assert unreadable_pause(annotations, NOON) is None


def test_a_direction_alone_is_no_pause() -> None:
    assert pause_of({PAUSED_DIRECTION_ANNOTATION: "scale-in"}) is None
    assert unreadable_pause({PAUSED_DIRECTION_ANNOTATION: "sideways"}, NOON) is None


def test_a_pause_that_is_over_needs_nobody() -> None:
    annotations = {PAUSED_UNTIL_ANNOTATION: EVENING, PAUSED_DIRECTION_ANNOTATION: "sideways"}

    assert unreadable_pause(annotations, NOON) is not None
    assert unreadable_pause(annotations, datetime(2026, 1, 1, 18, tzinfo=UTC)) is None


@given(st.text(), st.none() | st.text())
def test_whoever_meant_to_pause_has_paused_and_is_told_what_cannot_be_read(until: str, direction: str | None) -> None:
    annotations = {PAUSED_UNTIL_ANNOTATION: until}
    if direction is not None:
        annotations[PAUSED_DIRECTION_ANNOTATION] = direction

    pause = pause_of(annotations)

    assert pause is not None
    if pause.until == FOR_EVER:
        assert unreadable_pause(annotations, NOON) is not None
