"""Did more bring more? The downstream test on replicas and the pay test on threads.

A step up that is taken while demand exceeds service is an experiment. One dead time after all pods are ready it is
judged by eta = (dX/X) / (dN/N), the share of the added capacity that was used. Pods or threads that wait for a database
bring nothing: they are taken back, and growth freezes for ten minutes, twice as long each time, up to two hours.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi_tuning.api.status import Experiment, Growth, number_of, text_of
from fastapi_tuning.control.estimate import SLOW, Estimate
from fastapi_tuning.control.objective import Verdict

_FIRST_BACKOFF_SECONDS = 600
_LONGEST_BACKOFF_SECONDS = 7200
_HELPED = 0.75
"""A late share below three quarters of what it was is help, whatever the throughput says."""
_BUSY_CPU = 0.8
"""Pods that compute do not wait for anything behind them."""
_MOST_STRIKES = 100
_RECOVERED = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What a knob's growth must bring."""

    pays: float
    """Least eta that is worth going on with."""
    saturates: float
    """Least eta at which what is there is kept."""
    patience: int
    """Failures in a row until growth freezes."""


REPLICAS = Criterion(pays=0.5, saturates=0.2, patience=2)
THREADS = Criterion(pays=0.15, saturates=0.15, patience=1)
"""The rule of .NET's thread pool: twice the threads must bring 15 % more."""


def begin(growth: Growth, estimate: Estimate, *, before: int, after: int, now: datetime) -> Growth:
    """The state after a move. Steps up under overload are one experiment, from the first on; any other ends it."""
    if after <= before or not estimate.overloaded:
        return growth.model_copy(update={"experiment": None})
    running = growth.experiment
    if running is not None:
        experiment = running.model_copy(update={"to_value": after, "time": now})
    else:
        experiment = Experiment(
            time=now,
            from_value=before,
            to_value=after,
            served_per_second=text_of(estimate.served_per_second),
            late_ratio=text_of(estimate.bad_ratio),
            waiting=text_of(estimate.queued),
        )
    return growth.model_copy(update={"experiment": experiment})


def judged(growth: Growth, estimate: Estimate, criterion: Criterion, now: datetime, *, settled: bool) -> Growth:
    """The state after what is seen now.

    Args:
        settled: whether the whole window was seen with all pods ready and settings in force; no verdict before.
    """
    growth = _released(growth, estimate)
    experiment = growth.experiment
    if experiment is None or not settled:
        return growth
    if _explained_otherwise(estimate):
        return growth.model_copy(update={"experiment": None})
    if not estimate.overloaded:
        return _cleared(growth)
    eta = _eta(experiment, estimate)
    if eta >= criterion.pays or _relieved(experiment, estimate):
        return _cleared(growth)
    if eta >= criterion.saturates:
        return _frozen(growth, experiment.to_value, estimate, now)
    strikes, base = min(_MOST_STRIKES, growth.strikes + 1), growth.base or experiment.from_value
    failed = growth.model_copy(update={"experiment": None, "strikes": strikes, "base": base})
    return failed if strikes < criterion.patience else _frozen(failed, base, estimate, now)


def cap_of(growth: Growth, now: datetime) -> int | None:
    """Value that must not be exceeded now; None while nothing is frozen."""
    frozen = growth.frozen_until is not None and now < growth.frozen_until
    return growth.cap if frozen else None


def is_suspected(growth: Growth, now: datetime) -> bool:
    """Whether the last step up brought nothing, or growth is frozen."""
    return growth.strikes > 0 or cap_of(growth, now) is not None


def _eta(experiment: Experiment, estimate: Estimate) -> float:
    before = number_of(experiment.served_per_second) or estimate.served_per_second
    grown = experiment.to_value / experiment.from_value - 1
    return (estimate.served_per_second / before - 1) / grown


def _relieved(experiment: Experiment, estimate: Estimate) -> bool:
    """Whether the late share fell by a quarter, or the queue for threads by half."""
    late, waiting = number_of(experiment.late_ratio) or 0.0, number_of(experiment.waiting)
    shorter = waiting is not None and estimate.queued is not None and estimate.queued <= waiting / 2
    return estimate.bad_ratio < _HELPED * late or (shorter and waiting != 0)


def _explained_otherwise(estimate: Estimate) -> bool:
    computes = estimate.cpu_utilisation is not None and estimate.cpu_utilisation > _BUSY_CPU
    return computes or estimate.verdict is Verdict.TOO_FEW_REQUESTS


def _cleared(growth: Growth) -> Growth:
    """More helped: the failures before it are forgotten."""
    return growth.model_copy(update={"experiment": None, "strikes": 0, "base": None, "backoff_seconds": 0})


def _frozen(growth: Growth, cap: int, estimate: Estimate, now: datetime) -> Growth:
    backoff = min(_LONGEST_BACKOFF_SECONDS, max(_FIRST_BACKOFF_SECONDS, 2 * growth.backoff_seconds))
    return growth.model_copy(
        update={
            "experiment": None,
            "cap": cap,
            "frozen_until": now + timedelta(seconds=backoff),
            "backoff_seconds": backoff,
            "slowdown": text_of(estimate.slowdown),
        }
    )


def _released(growth: Growth, estimate: Estimate) -> Growth:
    """What was slow when growth froze has recovered: try again at once."""
    then = number_of(growth.slowdown)
    if growth.frozen_until is None or then is None or then < SLOW:
        return growth
    if estimate.slowdown is None or estimate.slowdown >= _RECOVERED:
        return growth
    return growth.model_copy(update={"cap": None, "frozen_until": None, "slowdown": "", "strikes": 0, "base": None})
