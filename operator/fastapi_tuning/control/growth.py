"""Did more bring more? The downstream test on replicas and the pay test on threads.

A step up that is taken while demand exceeds service is an experiment. One dead time after all pods are ready it is
judged by eta = (dX/X) / (dN/N), the share of the added capacity that was used. Pods or threads that wait for a database
bring nothing: they are taken back, and growth freezes for ten minutes, twice as long each time, up to two hours.

Taking back is an experiment too. What was served before a step up was often no overload yet, so eta flatters the first
step; afterwards everything is saturated. Pods are taken back to as many as carry, by their own threads and CPU, what is
served; if then less is served, the rate of those pods says how many it takes. That is tried at the first freeze only.
"""

import math
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
_LOST = 0.1
"""Served less by a tenth: what was taken back is missed. Less than that is what Poisson arrivals do to a window."""


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
    """The state after a move. Under overload steps in one direction are one experiment, from the first on.

    While growth is frozen steps down are, else steps up; any other move ends what was on trial.
    """
    takes_back = after < before
    if not estimate.overloaded or takes_back != (cap_of(growth, now) is not None):
        return growth.model_copy(update={"experiment": None})
    running = growth.experiment
    if running is not None and running.to_value == before and _takes_back(running) == takes_back:
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


def judged(
    growth: Growth, estimate: Estimate, criterion: Criterion, now: datetime, *, settled: bool, carrying: int | None
) -> Growth:
    """The state after what is seen now.

    Args:
        settled: whether the whole window was seen with what is on trial; no verdict before.
        carrying: the least value that carries what is served, as far as the pods themselves go; None: not known.
    """
    growth = _released(growth, estimate)
    experiment = growth.experiment
    if experiment is None or not settled:
        return growth
    if _takes_back(experiment):
        return _judged_take_back(growth, experiment, estimate)
    if _explained_otherwise(estimate):
        return growth.model_copy(update={"experiment": None})
    if not estimate.overloaded:
        return _cleared(growth)
    eta = _eta(experiment, estimate)
    if eta >= criterion.pays or _relieved(experiment, estimate):
        return _cleared(growth)
    if eta >= criterion.saturates and not _waits_for_others(estimate):
        return _frozen(growth, experiment.to_value, estimate, now)
    strikes, base = min(_MOST_STRIKES, growth.strikes + 1), growth.base or experiment.from_value
    failed = growth.model_copy(update={"experiment": None, "strikes": strikes, "base": base})
    if strikes < criterion.patience and not _waits_for_others(estimate):
        return failed
    return _frozen(failed, _cap(growth, base, experiment.to_value, carrying), estimate, now)


def cap_of(growth: Growth, now: datetime) -> int | None:
    """Value that must not be exceeded now; None while nothing is frozen."""
    frozen = growth.frozen_until is not None and now < growth.frozen_until
    return growth.cap if frozen else None


def cap_told(cap: int) -> str:
    """Why there is a cap."""
    return f"more than {cap} brought no more served requests"


def is_suspected(growth: Growth, now: datetime) -> bool:
    """Whether the last step up brought nothing, or growth is frozen."""
    return growth.strikes > 0 or cap_of(growth, now) is not None


def _takes_back(experiment: Experiment) -> bool:
    return experiment.to_value <= experiment.from_value


def _cap(growth: Growth, base: int, reached: int, carrying: int | None) -> int:
    """Back to where it began; the first time to what carries the load, which is tried then."""
    if carrying is None:
        return base
    return min(reached, carrying if growth.cap is None else max(base, carrying))


def _judged_take_back(growth: Growth, experiment: Experiment, estimate: Estimate) -> Growth:
    """What was taken back stays away, unless less is served: then as many as serve what was, at the rate seen now."""
    done = growth.model_copy(update={"experiment": None})
    before, now = _served_before(experiment, estimate), estimate.served_per_second
    if not estimate.overloaded or now >= (1 - _LOST) * before:
        return done
    return done.model_copy(update={"cap": min(experiment.from_value, math.ceil(before / now * experiment.to_value))})


def _waits_for_others(estimate: Estimate) -> bool:
    """Cores idle and requests take longer than alone: one failure is enough then."""
    return estimate.waits_downstream and estimate.is_slow


def _served_before(experiment: Experiment, estimate: Estimate) -> float:
    return number_of(experiment.served_per_second) or estimate.served_per_second


def _eta(experiment: Experiment, estimate: Estimate) -> float:
    before = _served_before(experiment, estimate)
    grown = experiment.to_value / experiment.from_value - 1
    return (estimate.served_per_second / before - 1) / grown


def _relieved(experiment: Experiment, estimate: Estimate) -> bool:
    """Whether the late share fell by a quarter, or the queue for threads by half.

    Not where a limit refuses requests, which shortens both; and a queue that became shorter while requests take longer
    than alone has only moved into the threads.
    """
    if estimate.shedding:
        return False
    late, waiting = number_of(experiment.late_ratio) or 0.0, number_of(experiment.waiting)
    shorter = waiting is not None and estimate.queued is not None and estimate.queued <= waiting / 2
    return estimate.bad_ratio < _HELPED * late or (shorter and waiting != 0 and not estimate.is_slow)


def _explained_otherwise(estimate: Estimate) -> bool:
    return _are_full(estimate) or estimate.verdict is Verdict.TOO_FEW_REQUESTS


def _are_full(estimate: Estimate) -> bool:
    """Whether pods do all that their own threads and CPU can: keep-alive connections may not have found new ones yet.

    Doubts about the pods do not count here, since a database makes them too.
    """
    safe, computes = estimate.capacity.safe_per_second, estimate.cpu_utilisation or 0.0
    full = safe is not None and estimate.busiest_per_second > safe / estimate.capacity.correction
    return full or computes > _BUSY_CPU


def _cleared(growth: Growth) -> Growth:
    """More helped: the failures before it are forgotten."""
    return Growth()


def _frozen(growth: Growth, cap: int, estimate: Estimate, now: datetime) -> Growth:
    backoff = min(_LONGEST_BACKOFF_SECONDS, max(_FIRST_BACKOFF_SECONDS, 2 * growth.backoff_seconds))
    return growth.model_copy(
        update={
            "experiment": None,
            "base": None,
            "cap": cap,
            "frozen_until": now + timedelta(seconds=backoff),
            "backoff_seconds": backoff,
            "slowdown": text_of(estimate.slowdown),
        }
    )


def _released(growth: Growth, estimate: Estimate) -> Growth:
    """Try again at once: what was slow when growth froze has recovered, or the pods themselves are full now."""
    if growth.cap is None or not (_are_full(estimate) or _has_recovered(growth, estimate)):
        return growth
    return Growth(backoff_seconds=growth.backoff_seconds)


def _has_recovered(growth: Growth, estimate: Estimate) -> bool:
    """A service that refuses requests is fast because it does."""
    fast = estimate.slowdown is not None and estimate.slowdown < _RECOVERED and not estimate.shedding
    return fast and (number_of(growth.slowdown) or 0.0) >= SLOW
