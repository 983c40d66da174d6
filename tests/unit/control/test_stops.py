"""Pauses and freeze windows together."""

from datetime import timedelta
from typing import Any

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.tuning import PAUSED_DIRECTION_ANNOTATION, PAUSED_UNTIL_ANNOTATION
from fastapi_tuning.control.stops import stops_everything, stops_of
from tests.unit.control.builders import NOW, spec

NOON_HOUR = {"schedule": "0 12 * * *", "durationMinutes": 60}


def windows(*each: dict[str, Any]) -> Any:
    return spec(freezeWindows=list(each))


def test_an_open_window_stops_everything_and_says_until_when() -> None:
    (stop,) = stops_of(windows(NOON_HOUR), {}, NOW)

    assert stop.reason is Reason.FREEZE_WINDOW
    assert stop.until == NOW + timedelta(hours=1)
    assert stop.told == (
        "nothing is moved until 2026-01-01T13:00:00+00:00: freeze window '0 12 * * *' for 60 min (UTC)"
    )
    assert stops_of(windows(NOON_HOUR), {}, NOW + timedelta(hours=1)) == ()


def test_a_pause_is_over_at_its_time() -> None:
    annotations = {PAUSED_UNTIL_ANNOTATION: NOW.isoformat()}

    assert stops_of(spec(), annotations, NOW) == ()
    (stop,) = stops_of(spec(), annotations, NOW - timedelta(seconds=1))
    assert (stop.reason, stop.until, stop.direction) == (Reason.PAUSED, NOW, Direction.BOTH)


def test_what_stops_everything_comes_first_and_of_these_what_lasts_longest() -> None:
    one_way = {**NOON_HOUR, "durationMinutes": 600, "direction": "ScaleIn"}
    longer = {**NOON_HOUR, "durationMinutes": 120}
    found = stops_of(windows(one_way, NOON_HOUR, longer), {}, NOW)

    assert [stop.until - NOW for stop in found] == [timedelta(hours=2), timedelta(hours=1), timedelta(hours=10)]
    assert stops_everything(found)
    assert not stops_everything(stops_of(windows(one_way), {}, NOW))


def test_a_pause_that_nobody_can_read_is_not_told_as_a_date() -> None:
    annotations = {PAUSED_UNTIL_ANNOTATION: "friday", PAUSED_DIRECTION_ANNOTATION: "scale-in"}
    (stop,) = stops_of(spec(), annotations, NOW)

    assert stop.told == "no fewer replicas until somebody ends it: paused by annotation"
