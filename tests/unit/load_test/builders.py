"""What a generator tells of a service, and a service that one can work out."""

from typing import Any

from fastapi_tuning.api.spec import FastAPITuningSpec, Objectives
from fastapi_tuning.load.tally import Summary
from fastapi_tuning.load_test.search import Bounds, Trial
from fastapi_tuning.load_test.step import Step, step_of

OBJECTIVES = Objectives()
"""99 % within 500 ms, 0.1 % errors."""


def summary(*, rate: float = 40.0, seconds: float = 30.0, **changes: Any) -> Summary:
    """A good part of a step: all in time. `late` and `errors` are numbers of requests."""
    offered = changes.pop("offered", round(rate * seconds))
    late, errors, timeouts = changes.pop("late", 0), changes.get("errors", 0), changes.get("timeouts", 0)
    completed = offered - errors - timeouts
    fields: dict[str, Any] = {
        "phase": f"{seconds:g}s@{rate:g}",
        "seconds": seconds,
        "cut_short": False,
        "offered": offered,
        "completed": completed,
        "errors": errors,
        "shed": 0,
        "timeouts": timeouts,
        "answered": completed,
        "mean_completed_seconds": 0.25,
        "p50_seconds": 0.25,
        "p99_seconds": 0.3,
        "p99_completed_seconds": 0.3,
        "objective_seconds": 0.5,
        "share_within_objective": (completed - late) / offered if offered else None,
        "generator_lag_p99_seconds": 0.001,
        "generator_lag_max_seconds": 0.002,
    }
    return Summary(**fields | changes)


def step(level: float = 40.0, *, pods: int = 1, objectives: Objectives = OBJECTIVES, **changes: Any) -> Step:
    """A step whose judged part is `summary(**changes)`."""
    settling = summary(rate=level, seconds=5.0)
    return step_of(level, settling, summary(rate=level, **changes), objectives, pods)


def overloaded_parts(trial: Trial, capacity: float) -> tuple[Summary, Summary]:
    """A service that serves so much and no more: of what is above, each request is late."""
    late = max(0.0, 1 - capacity / trial.level)
    parts = ((trial.level, trial.settle_seconds), (trial.level, trial.seconds))
    settling, judged = (summary(rate=rate, seconds=seconds, late=int(late * rate * seconds)) for rate, seconds in parts)
    return settling, judged


def bounds(**changes: Any) -> Bounds:
    return Bounds(**{"start": 10.0, "most": 200.0, "grain": 0.1} | changes)


def spec(**changes: Any) -> FastAPITuningSpec:
    return FastAPITuningSpec.model_validate({"targetRef": {"name": "checkout"}, **changes})
