"""Recurring times at which nothing is moved, as a user states them. Pure: the time is an argument."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator

from fastapi_tuning.api.model import ApiModel

_FIELD = r"[0-9A-Za-z*/,#-]+"
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_CRON_STEP = timedelta(minutes=1)


class Direction(StrEnum):
    """Which moves are stopped."""

    BOTH = "Both"
    """All of them, of every knob."""
    SCALE_IN = "ScaleIn"
    """Fewer replicas; everything else goes on."""
    SCALE_OUT = "ScaleOut"
    """More replicas; everything else goes on."""


class FreezeWindow(ApiModel):
    """From each time of `schedule` on, for `durationMinutes`, the operator observes and reports, and moves nothing."""

    schedule: Annotated[str, Field(pattern=rf"^{_FIELD}( {_FIELD}){{4}}$", max_length=128)]
    """When it begins, as cron has it: minute, hour, day of month, month, day of week ("0 18 * * FRI")."""
    duration_minutes: Annotated[int, Field(ge=1, le=44_640)]
    """How long it lasts; at most 31 days."""
    time_zone: Annotated[str, Field(pattern="^[A-Za-z0-9_+/-]+$", max_length=64)] = "UTC"
    """Zone of the IANA database in which `schedule` is meant ("Europe/Berlin"); summer time is heeded."""
    direction: Direction = Direction.BOTH
    """Which moves are stopped."""

    @field_validator("schedule")
    @classmethod
    def _is_a_schedule(cls, schedule: str) -> str:
        try:
            CronSim(schedule, _ANY_TIME)
        except CronSimError as error:
            raise ValueError(f"{schedule!r} is no cron schedule: {error}") from error
        return schedule

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is no time zone of the IANA database") from error
        return zone

    def end(self, now: datetime) -> datetime | None:
        """When the window ends that `now` is in; None outside of it.

        All windows last equally long, so the one that began last ends last.
        """
        # Going backward is exclusive; a window begins with its minute.
        after = now.astimezone(ZoneInfo(self.time_zone)).replace(second=0, microsecond=0) + _CRON_STEP
        began = next(CronSim(self.schedule, after, reverse=True), None)
        if began is None:
            return None
        end = began.astimezone(UTC) + timedelta(minutes=self.duration_minutes)
        return end if now < end else None
