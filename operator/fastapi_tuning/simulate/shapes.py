"""Load curves: mean requests per second for each second, and the Poisson arrivals inside them."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Shape = Callable[[int, float, np.random.Generator], FloatArray]
"""(seconds, peak requests per second, randomness of noisy shapes) → mean requests per second of each second"""

_LARGEST_RATE = 100_000.0


class TraceError(ValueError):
    """The file is no trace; the message says where and why."""


def constant(seconds: int, peak: float, rng: np.random.Generator) -> FloatArray:
    return np.full(seconds, peak)


def step(seconds: int, peak: float, rng: np.random.Generator) -> FloatArray:
    """A quarter of the peak; the peak from one sixth of the time on."""
    rates = np.full(seconds, peak)
    rates[: seconds // 6] = peak / 4
    return rates


def spike(seconds: int, peak: float, rng: np.random.Generator) -> FloatArray:
    """A quarter of the peak, and in the middle 30 s at the peak."""
    rates = np.full(seconds, peak / 4)
    middle = seconds // 2
    rates[middle : middle + 30] = peak
    return rates


def ramp(seconds: int, peak: float, rng: np.random.Generator) -> FloatArray:
    """From a tenth of the peak up to it in a straight line."""
    return np.linspace(peak / 10, peak, seconds)


def diurnal(seconds: int, peak: float, rng: np.random.Generator) -> FloatArray:
    """A day in the time given: a sine between a quarter of the peak and the peak, the least at the start."""
    phase = 2 * math.pi * np.arange(seconds) / seconds
    return peak * (0.625 - 0.375 * np.cos(phase))


def noisy(seconds: int, peak: float, rng: np.random.Generator) -> FloatArray:
    """A level that wanders between a quarter of the peak and the peak, with a memory of about a minute.

    An Ornstein-Uhlenbeck process around 0.6 of the peak, standard deviation 0.15 of the peak.
    """
    memory = math.exp(-1 / 60)
    shocks = rng.normal(0.0, 0.15 * math.sqrt(1 - memory**2), seconds)
    level = np.empty(seconds)
    current = 0.0
    for second in range(seconds):
        current = memory * current + shocks[second]
        level[second] = current
    return peak * np.clip(0.6 + level, 0.25, 1.0)


def bursty(seconds: int, peak: float, rng: np.random.Generator) -> FloatArray:
    """A third of the peak, with bursts to the peak: one in two minutes on average, each 10 to 40 s long."""
    rates = np.full(seconds, peak / 3)
    start = 0.0
    while (start := start + rng.exponential(120.0)) < seconds:
        rates[int(start) : int(start + rng.uniform(10.0, 40.0))] = peak
    return rates


def night_to_morning(seconds: int, peak: float, rng: np.random.Generator) -> FloatArray:
    """Half of the time almost nothing (2 % of the peak), then up to the peak within a sixth of it."""
    rates = np.full(seconds, peak)
    wake, awake = seconds // 2, seconds // 2 + seconds // 6
    rates[:wake] = 0.02 * peak
    rates[wake:awake] = np.linspace(0.02 * peak, peak, awake - wake)
    return rates


SHAPES: Mapping[str, Shape] = {
    "constant": constant,
    "step": step,
    "spike": spike,
    "ramp": ramp,
    "diurnal": diurnal,
    "noisy": noisy,
    "bursty": bursty,
    "night-to-morning": night_to_morning,
}


def read_trace(path: Path) -> FloatArray:
    """A file with one number a line: requests in that second.

    Raises:
        TraceError: a line is no such number, or there is none.
        OSError: the file cannot be read.
    """
    rates: list[float] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rate = float(line)
        except ValueError:
            rate = math.nan
        if not 0 <= rate <= _LARGEST_RATE:
            raise TraceError(f"{path}, line {number}: {line.strip()[:40]!r} is no rate from 0 to {_LARGEST_RATE:,.0f}")
        rates.append(rate)
    if not rates:
        raise TraceError(f"{path}: no numbers in it; write requests per second, one number a line")
    return np.array(rates)


def scaled(rates: FloatArray, peak: float) -> FloatArray:
    """The same curve with another maximum."""
    highest = float(rates.max())
    return rates * (peak / highest) if highest > 0 else rates


def arrivals(rates: FloatArray, rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.int64]]:
    """A Poisson process that has the given rate within each second: (sorted times in seconds, number by second).

    Given their number, the arrivals of a Poisson process are independent and uniform.
    """
    counts = rng.poisson(rates)
    times = np.repeat(np.arange(len(rates), dtype=np.float64), counts) + rng.random(int(counts.sum()))
    times.sort()
    return times, counts.astype(np.int64)
