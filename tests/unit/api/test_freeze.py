"""Freeze windows: when they are open, in which zone, and what is no window."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fastapi_tuning.api.freeze import FreezeWindow

A_YEAR_AGO = datetime(2025, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def window(schedule: str, minutes: int, **fields: Any) -> FreezeWindow:
    return FreezeWindow.model_validate({"schedule": schedule, "durationMinutes": minutes, **fields})


def test_a_window_is_open_from_its_minute_on_and_closed_at_its_end() -> None:
    friday_evening = window("0 18 * * FRI", 90)
    begin = datetime(2026, 1, 2, 18, tzinfo=UTC)
    end = begin + timedelta(minutes=90)

    assert friday_evening.end(begin - timedelta(microseconds=1)) is None
    assert friday_evening.end(begin) == end
    assert friday_evening.end(end - timedelta(microseconds=1)) == end
    assert friday_evening.end(end) is None


def test_a_window_that_begins_again_before_it_ends_ends_with_the_later_one() -> None:
    hourly = window("0 * * * *", 90)

    assert hourly.end(datetime(2026, 1, 1, 12, 10, tzinfo=UTC)) == datetime(2026, 1, 1, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(("month", "hour_utc"), [(1, 17), (7, 16)], ids=["winter", "summer"])
def test_the_schedule_is_meant_in_its_zone(month: int, hour_utc: int) -> None:
    evening = window("0 18 * * *", 60, timeZone="Europe/Berlin")
    begin = datetime(2026, month, 5, hour_utc, tzinfo=UTC)

    assert evening.end(begin - timedelta(seconds=1)) is None
    assert evening.end(begin) == begin + timedelta(hours=1)


def test_a_window_lasts_as_long_as_it_says_when_the_clock_is_set_forward_in_it() -> None:
    night = window("30 1 * * *", 120, timeZone="Europe/Berlin")
    begin = datetime(2026, 3, 29, 1, 30, tzinfo=BERLIN).astimezone(UTC)

    assert night.end(begin) == begin + timedelta(hours=2)


def test_a_beginning_that_the_clock_skips_is_the_next_moment_there_is() -> None:
    night = window("30 2 * * *", 60, timeZone="Europe/Berlin")

    assert night.end(datetime(2026, 3, 29, 1, 0, tzinfo=UTC)) == datetime(2026, 3, 29, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"schedule": "0 25 * * *"}, "Bad hour"),
        ({"schedule": "0 0 30 2 *"}, "Bad day-of-month"),
        ({"schedule": "0 18 * *"}, "String should match pattern"),
        ({"schedule": "@daily"}, "String should match pattern"),
        ({"timeZone": "Europe/Atlantis"}, "no time zone of the IANA database"),
        ({"timeZone": "../etc/passwd"}, "String should match pattern"),
        ({"timeZone": "/etc/passwd"}, "no time zone of the IANA database"),
        ({"durationMinutes": 0}, "greater than or equal to 1"),
        ({"direction": "Sideways"}, "Input should be"),
    ],
)
def test_what_is_no_window_is_refused_with_its_fault(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FreezeWindow.model_validate({"schedule": "0 18 * * *", "durationMinutes": 60, **fields})


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    minutes=st.integers(1, 3 * 24 * 60),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    now=st.integers(0, 2 * 365 * 24 * 3600).map(lambda seconds: A_YEAR_AGO + timedelta(seconds=seconds)),
)
def test_a_daily_window_is_open_exactly_when_a_day_s_beginning_is_less_than_its_length_ago(
    minute: int, hour: int, minutes: int, zone: str, now: datetime
) -> None:
    length = timedelta(minutes=minutes)
    local = now.astimezone(ZoneInfo(zone))
    days = [
        (local - timedelta(days=back)).replace(hour=hour, minute=minute, second=0, microsecond=0) for back in range(5)
    ]
    begun = [begin for day in days if (begin := day.astimezone(UTC)) <= now]

    end = window(f"{minute} {hour} * * *", minutes, timeZone=zone).end(now)

    # A beginning that the clock skips or repeats is up to an hour off; these days are other tests' business.
    offsets = {day.utcoffset() for day in days}
    if len(offsets) == 1:
        assert end == (max(begun) + length if begun and now < max(begun) + length else None)
    else:
        assert end is None or now < end <= now + length
