"""What the user stopped for a time: pauses and freeze windows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.api.freeze import Direction, FreezeWindow
from fastapi_tuning.api.pause import FOR_EVER, pause_of
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.control.foreign_owner import in_direction
from fastapi_tuning.control.knobs import Proposal

STOPPED: Mapping[Direction, str] = {
    Direction.BOTH: "nothing is moved",
    Direction.SCALE_IN: "no fewer replicas",
    Direction.SCALE_OUT: "no more replicas",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One pause or one open freeze window."""

    reason: Reason
    until: datetime
    direction: Direction
    cause: str
    """For people."""

    @property
    def told(self) -> str:
        """What is stopped, until when, and by what."""
        end = "somebody ends it" if self.until == FOR_EVER else self.until.isoformat(timespec="seconds")
        return f"{STOPPED[self.direction]} until {end}: {self.cause}"

    def holds(self, proposal: Proposal) -> bool:
        return in_direction(proposal, self.direction)


def stops_of(spec: FastAPITuningSpec, annotations: Mapping[str, str], now: datetime) -> tuple[Stop, ...]:
    """All that are in force at `now`, those that stop everything first, and of these those that last longest."""
    pause = pause_of(annotations)
    found = [] if pause is None or now >= pause.until else [_paused(pause.until, pause.direction)]
    found += [_frozen(window, end) for window in spec.freeze_windows if (end := window.end(now)) is not None]
    return tuple(sorted(found, key=lambda stop: (stop.direction is not Direction.BOTH, -stop.until.timestamp())))


def stops_everything(stops: tuple[Stop, ...]) -> bool:
    return any(stop.direction is Direction.BOTH for stop in stops)


def _paused(until: datetime, direction: Direction) -> Stop:
    return Stop(reason=Reason.PAUSED, until=until, direction=direction, cause="paused by annotation")


def _frozen(window: FreezeWindow, end: datetime) -> Stop:
    cause = f"freeze window {window.schedule!r} for {window.duration_minutes} min ({window.time_zone})"
    return Stop(reason=Reason.FREEZE_WINDOW, until=end, direction=window.direction, cause=cause)
