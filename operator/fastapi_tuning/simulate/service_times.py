"""Distributions of durations: what a request computes, waits, or holds a database connection."""

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_UNITS_PER_SECOND = {"us": 1_000_000, "ms": 1_000, "s": 1}
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>us|ms|s)", re.ASCII)
_FORMS = (
    "write for example 250ms, exponential:50ms, lognormal:50ms:0.5 (median, sigma) or pareto:20ms:1.5 (least, alpha)"
)


class ServiceTimeError(ValueError):
    """The text is no service time; the message says what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Always the same."""

    seconds: float

    @property
    def mean_seconds(self) -> float:
        return self.seconds

    def sample(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        return np.full(count, self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """Without memory: the M of queueing theory."""

    mean_seconds: float

    def sample(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        return rng.exponential(self.mean_seconds, count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lognormal:
    """What the logarithm of service times looks like in most services; `sigma` 0.5: p99 is 3.2 medians."""

    median_seconds: float
    sigma: float

    @property
    def mean_seconds(self) -> float:
        return self.median_seconds * math.exp(self.sigma**2 / 2)

    def sample(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        return rng.lognormal(math.log(self.median_seconds), self.sigma, count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pareto:
    """Heavy tail: P(X > x) = (least / x)^alpha, cut at a minute, since something always gives up.

    The mean of the cut variable is the integral of that probability from 0 to a minute.
    """

    least_seconds: float
    alpha: float

    @property
    def mean_seconds(self) -> float:
        least, most, alpha = self.least_seconds, _LONGEST_SECONDS, self.alpha
        if math.isclose(alpha, 1.0):
            return least * (1 + math.log(most / least))
        return least + math.pow(least, alpha) * (math.pow(most, 1 - alpha) - math.pow(least, 1 - alpha)) / (1 - alpha)

    def sample(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        return np.minimum(self.least_seconds * (1 + rng.pareto(self.alpha, count)), _LONGEST_SECONDS)


_LONGEST_SECONDS = 60.0

ServiceTime = Constant | Exponential | Lognormal | Pareto


def parse_service_time(text: str) -> ServiceTime:
    """Reads `250ms`, `exponential:50ms`, `lognormal:50ms:0.5` or `pareto:20ms:1.5`.

    Raises:
        ServiceTimeError: it is none of these.
    """
    match text.split(":"):
        case [duration]:
            return Constant(seconds=parse_seconds(duration))
        case ["exponential", mean]:
            return Exponential(mean_seconds=_positive(mean, text))
        case ["lognormal", median, sigma]:
            return Lognormal(median_seconds=_positive(median, text), sigma=_number(sigma, text))
        case ["pareto", least, alpha]:
            return Pareto(least_seconds=_positive(least, text), alpha=_number(alpha, text))
    raise ServiceTimeError(f"{text!r} is no service time: {_FORMS}")


def parse_seconds(text: str) -> float:
    """A number with the unit us, ms or s.

    Raises:
        ServiceTimeError: it has another form.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ServiceTimeError(f"{text!r} is no duration: {_FORMS}")
    return float(match["number"]) / _UNITS_PER_SECOND[match["unit"]]


def _positive(text: str, whole: str) -> float:
    seconds = parse_seconds(text)
    if seconds <= 0:
        raise ServiceTimeError(f"{whole!r}: the duration must be above 0")
    return seconds


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ServiceTimeError(f"{whole!r}: {text!r} is no number") from None
    if not (math.isfinite(value) and value > 0):
        raise ServiceTimeError(f"{whole!r}: {text!r} must be above 0")
    return value
