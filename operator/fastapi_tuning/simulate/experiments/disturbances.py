"""Sudden changes: how long until the objective holds again, and how far a contender overshoots."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from fastapi_tuning.simulate.app import Later
from fastapi_tuning.simulate.experiments.contenders import Contender
from fastapi_tuning.simulate.experiments.services import (
    IO_BOUND,
    MIXED,
    Service,
    heavier_endpoint,
    slower,
)
from fastapi_tuning.simulate.experiments.trials import COOL_DOWN_SECONDS, SEEDS, simulate
from fastapi_tuning.simulate.scaler import FloatArray, Run
from fastapi_tuning.simulate.score import StepResponse, step_response

AT_SECONDS = 600
"""When it happens: every contender has settled by then."""
LENGTH_SECONDS = 1800
FIVE_MINUTES = 300
DISTURBED = (IO_BOUND, MIXED)
DISTURBED_SEEDS = SEEDS[:3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """A load, and what the service turns into."""

    name: str
    rates: FloatArray
    later: tuple[Later, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """How a contender answered, seed by seed."""

    service: str
    disturbance: str
    contender: str
    by_seed: tuple[StepResponse, ...]

    @property
    def time_to_objective_seconds(self) -> float | None:
        """Median; None if it never held again for most seeds."""
        times = [
            np.inf if each.time_to_objective_seconds is None else each.time_to_objective_seconds
            for each in self.by_seed
        ]
        found = median(times)
        return found if np.isfinite(found) else None

    @property
    def overshoot(self) -> float:
        return median(each.overshoot for each in self.by_seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseResponse:
    """Pods when the database becomes the limit, median over the seeds: before, five minutes after, and later."""

    service: str
    contender: str
    before: float
    most: float
    after_five_minutes: float
    usually_later: float
    """Median over time too: a pod that is tried for a minute and taken back is no net addition."""
    most_later: float
    at_the_end: float
    good_share: float
    """Of what was offered from five minutes on."""

    @property
    def adds_none_later(self) -> bool:
        return max(self.usually_later, self.at_the_end) <= self.after_five_minutes

    @property
    def gives_back(self) -> bool:
        return self.at_the_end <= self.before


def disturbances(service: Service) -> tuple[Disturbance, ...]:
    """Those of the report, at the service's own peak; one endpoint changes only where there are several."""
    peak = service.peak_per_second
    seconds = np.arange(LENGTH_SECONDS)
    happened = seconds >= AT_SECONDS
    night = np.interp(seconds, [AT_SECONDS, AT_SECONDS + 300], [0.02 * peak, peak])
    found = [
        Disturbance(name="step ×2", rates=np.where(happened, peak, peak / 2)),
        Disturbance(name="step ×4", rates=np.where(happened, peak, peak / 4)),
        Disturbance(name="spike of 10 s, ×4", rates=np.where(happened & (seconds < AT_SECONDS + 10), peak, peak / 4)),
        Disturbance(
            name="ramp ×4 in 10 min",
            rates=np.interp(seconds, [AT_SECONDS, AT_SECONDS + 600], [peak / 4, peak]),
        ),
        Disturbance(name="night to morning", rates=night),
        Disturbance(
            name="new version 40 % slower",
            rates=np.full(LENGTH_SECONDS, 0.6 * peak),
            later=(Later(at_seconds=AT_SECONDS, app=slower(service.app, 1.4), new_version=True),),
        ),
    ]
    if len(service.app.endpoints) > 1:
        heavier = Later(at_seconds=AT_SECONDS, app=heavier_endpoint(service.app, 2.0), new_version=False)
        found.append(
            Disturbance(name="one endpoint twice as slow", rates=np.full(LENGTH_SECONDS, 0.6 * peak), later=(heavier,))
        )
    return tuple(found)


def respond(service: Service, disturbance: Disturbance, contender: Contender, *, replicas: int) -> Response:
    """Run a contender into a disturbance with every seed."""
    runs = (_run(service, disturbance, contender, replicas, seed) for seed in DISTURBED_SEEDS)
    return Response(
        service=service.name,
        disturbance=disturbance.name,
        contender=f"{contender.name}, {contender.threads} threads",
        by_seed=tuple(step_response(run, at_seconds=AT_SECONDS, cool_down_seconds=COOL_DOWN_SECONDS) for run in runs),
    )


def meet_the_database(service: Service, contender: Contender, *, replicas: int) -> DatabaseResponse:
    """Load rises above what the database serves, and stays there."""
    seconds = np.arange(LENGTH_SECONDS)
    peak = service.peak_per_second
    overload = Disturbance(name="overload", rates=np.where(seconds >= AT_SECONDS, peak, peak / 2))
    runs = [_run(service, overload, contender, replicas, seed) for seed in DISTURBED_SEEDS]

    def over_seeds(of: Callable[[FloatArray], float]) -> float:
        return median(of(run.pods_created) for run in runs)

    later = AT_SECONDS + FIVE_MINUTES
    return DatabaseResponse(
        service=service.name,
        contender=contender.name,
        before=over_seeds(lambda each: float(each[AT_SECONDS - 1])),
        most=over_seeds(lambda each: float(each[AT_SECONDS:].max())),
        after_five_minutes=over_seeds(lambda each: float(each[later])),
        usually_later=over_seeds(lambda each: float(np.median(each[later:]))),
        most_later=over_seeds(lambda each: float(each[later:].max())),
        at_the_end=over_seeds(lambda each: float(each[-1])),
        good_share=median(float(run.good[later:].sum() / run.offered[later:].sum()) for run in runs),
    )


def _run(service: Service, disturbance: Disturbance, contender: Contender, replicas: int, seed: int) -> Run:
    return simulate(service, disturbance.rates, contender, replicas=replicas, seed=seed, later=disturbance.later)
