"""The load to offer over time, read from a text such as `30s@40,60s@40..200,4m@200`. Pure."""

import re
from dataclasses import dataclass

MAX_DURATION_SECONDS = 3600.0
MAX_RATE = 5000.0

_PHASE = re.compile(
    r"(?P<duration>\d+(?:\.\d+)?)(?P<unit>[sm])@(?P<start>\d+(?:\.\d+)?)(?:\.\.(?P<end>\d+(?:\.\d+)?))?",
    re.ASCII,
)
_UNIT_SECONDS = {"s": 1.0, "m": 60.0}


class ProfileError(ValueError):
    """The text is no profile, or asks for more than is allowed; the message says which part and what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of time in which the rate stays or changes linearly. Rates are in requests per second."""

    duration_seconds: float
    start_rate: float
    end_rate: float

    def expected_requests(self, seconds: float) -> float:
        """Requests expected in the first `seconds` of the phase: the integral of the rate."""
        return self.start_rate * seconds + self._slope * seconds**2 / 2

    def rate_at(self, seconds: float) -> float:
        return self.start_rate + self._slope * seconds

    @property
    def _slope(self) -> float:
        return (self.end_rate - self.start_rate) / self.duration_seconds

    def __str__(self) -> str:
        rate = f"{self.start_rate:g}"
        if self.end_rate != self.start_rate:
            rate += f"..{self.end_rate:g}"
        return f"{self.duration_seconds:g}s@{rate}"


@dataclass(frozen=True, slots=True)
class Profile:
    """Phases, one after the other."""

    phases: tuple[Phase, ...]

    @property
    def duration_seconds(self) -> float:
        return sum(phase.duration_seconds for phase in self.phases)

    def rate_at(self, seconds: float) -> float:
        """Requests per second that are due `seconds` after the start; 0 before it and from the end on."""
        index = self.phase_at(seconds)
        if index is None:
            return 0.0
        phase_start = sum(phase.duration_seconds for phase in self.phases[:index])
        return self.phases[index].rate_at(seconds - phase_start)

    def phase_at(self, seconds: float) -> int | None:
        """Index of the phase that runs `seconds` after the start; None before it and from the end on."""
        phase_start = 0.0
        for index, phase in enumerate(self.phases):
            if phase_start <= seconds < phase_start + phase.duration_seconds:
                return index
            phase_start += phase.duration_seconds
        return None


def parse_profile(text: str) -> Profile:
    """Reads phases `<duration>@<rate>` or `<duration>@<from>..<to>`, joined by commas.

    A duration is a number with `s` or `m`, a rate is in requests per second.
    Raises ProfileError when the text is none, lasts more than an hour or asks for more than 5000 a second.
    """
    profile = Profile(tuple(_parse_phase(part.strip()) for part in text.split(",")))
    if profile.duration_seconds > MAX_DURATION_SECONDS:
        raise ProfileError(
            f"the profile lasts {profile.duration_seconds:g} s; at most {MAX_DURATION_SECONDS:g} s are allowed"
        )
    return profile


def _parse_phase(text: str) -> Phase:
    match = _PHASE.fullmatch(text)
    if match is None:
        raise ProfileError(f"{text!r} is no phase; write for example 30s@40, or 1m@40..200 for a ramp")
    start_rate = float(match["start"])
    phase = Phase(
        duration_seconds=float(match["duration"]) * _UNIT_SECONDS[match["unit"]],
        start_rate=start_rate,
        end_rate=start_rate if match["end"] is None else float(match["end"]),
    )
    if phase.duration_seconds == 0:
        raise ProfileError(f"{text!r} lasts no time")
    if max(phase.start_rate, phase.end_rate) > MAX_RATE:
        raise ProfileError(f"{text!r} asks for more than {MAX_RATE:g} requests per second")
    return phase
