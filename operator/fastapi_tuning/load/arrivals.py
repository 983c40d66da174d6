"""When each request is due: a Poisson process along a profile. Pure; the randomness is an argument.

A Poisson process of changing rate is one of rate 1 on a stretched time axis: draw exponential gaps of mean 1,
add them up, and find where the expected number of requests, Λ(t) = a·t + (b - a)·t²/(2·d), reaches the sum
(Çinlar, "Introduction to Stochastic Processes", 1975, chapter 4.7).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from fastapi_tuning.load.profile import Phase, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request that is due `at_seconds` after the start, in the phase with index `phase`."""

    at_seconds: float
    phase: int


def arrivals(profile: Profile, rng: Random) -> Iterator[Arrival]:
    """Yields the requests of `profile` in the order of their times; the same `rng` state gives the same ones."""
    phase_start = 0.0
    for index, phase in enumerate(profile.phases):
        for seconds in _arrivals_in(phase, rng):
            yield Arrival(at_seconds=phase_start + seconds, phase=index)
        phase_start += phase.duration_seconds


def _arrivals_in(phase: Phase, rng: Random) -> Iterator[float]:
    """Each phase may start its own process: a Poisson process has no memory."""
    in_phase = phase.expected_requests(phase.duration_seconds)
    expected = rng.expovariate(1.0)
    while expected < in_phase:
        yield _seconds_until(phase, expected)
        expected += rng.expovariate(1.0)


def _seconds_until(phase: Phase, expected: float) -> float:
    """Solves Λ(t) = `expected` for t, in the form that is exact for a rate that does not change, too."""
    slope = (phase.end_rate - phase.start_rate) / phase.duration_seconds
    root = math.sqrt(max(0.0, phase.start_rate**2 + 2 * slope * expected))
    return min(2 * expected / (phase.start_rate + root), phase.duration_seconds)
