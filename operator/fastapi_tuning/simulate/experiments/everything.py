"""All experiments of the report."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from fastapi_tuning.simulate.experiments.ablations import Ablation, ablate, ours_without_downstream_test
from fastapi_tuning.simulate.experiments.comparison import Comparison, best_hpa, compare
from fastapi_tuning.simulate.experiments.contenders import Contender, Family, at_the_database, hpa_with_defaults
from fastapi_tuning.simulate.experiments.disturbances import (
    DISTURBED,
    DatabaseResponse,
    Disturbance,
    Response,
    disturbances,
    meet_the_database,
    respond,
)
from fastapi_tuning.simulate.experiments.loads import cases
from fastapi_tuning.simulate.experiments.ours import ours
from fastapi_tuning.simulate.experiments.perfect_knowledge import capacity
from fastapi_tuning.simulate.experiments.services import DATABASE_BOUND, SHORT_OF_CONNECTIONS, Service
from fastapi_tuning.simulate.experiments.trials import BOUNDS, Case
from fastapi_tuning.simulate.scaler import FloatArray

DISTURBED_REPLICAS = 4
"""What all contenders start with; they have ten minutes to find their own number."""
ABLATED_LOAD = "diurnal"


Task = TypeVar("Task")
Found = TypeVar("Found")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What all experiments found."""

    comparisons: tuple[Comparison, ...]
    responses: tuple[Response, ...]
    database: tuple[DatabaseResponse, ...]
    """Ours first for each service."""
    ablations: tuple[Ablation, ...]


class Spread(Protocol):
    """As the built-in `map`: results in the order of the arguments, however many are worked on at a time."""

    def __call__(self, work: Callable[[Task], Found], tasks: Iterable[Task], /) -> Iterable[Found]: ...


def everything(trace: FloatArray | None, progress: Progress, spread: Spread) -> Findings:
    """Run them all; `trace` is a further load, in requests per second."""

    def told(what: str, found: Iterable[Found]) -> tuple[Found, ...]:
        results = []
        for number, each in enumerate(found, start=1):
            progress(f"{what} {number}")
            results.append(each)
        return tuple(results)

    comparisons = told("comparison", spread(_compare, cases(trace)))
    return Findings(
        comparisons=comparisons,
        responses=told("sudden change", spread(_respond, _disturbed(comparisons))),
        database=told("overload of a database", spread(_meet_the_database, _at_a_database())),
        ablations=told("parts taken away", spread(ablate, _ablated(comparisons))),
    )


_capacity = functools.cache(capacity)


def _compare(case: Case) -> Comparison:
    return compare(case, functools.partial(_capacity, case.service))


def _disturbed(comparisons: Iterable[Comparison]) -> Iterable[tuple[Service, Disturbance, Contender]]:
    for service in DISTURBED:
        tuned = next(each for each in comparisons if each.case.service.name == service.name)
        for disturbance in disturbances(service):
            for contender in (ours(service), *_rivals(tuned)):
                yield service, disturbance, contender


def _respond(task: tuple[Service, Disturbance, Contender]) -> Response:
    return respond(*task, replicas=DISTURBED_REPLICAS)


def _at_a_database() -> Iterable[tuple[Service, Contender]]:
    for service in (DATABASE_BOUND, SHORT_OF_CONNECTIONS):
        rivals = at_the_database(BOUNDS, service.objective_seconds)
        for contender in (ours(service), ours_without_downstream_test(service), *rivals):
            yield service, contender


def _meet_the_database(task: tuple[Service, Contender]) -> DatabaseResponse:
    return meet_the_database(*task, replicas=DISTURBED_REPLICAS)


def _ablated(comparisons: Iterable[Comparison]) -> Iterable[Comparison]:
    return (comparison for comparison in comparisons if comparison.case.load == ABLATED_LOAD)


def _rivals(tuned: Comparison) -> tuple[Contender, ...]:
    """The HPA as it comes, the best-tuned one with either thread count, and Knative."""
    knative = next(each for each in tuned.with_oracle_threads if each.family is Family.KNATIVE)
    return (
        hpa_with_defaults(BOUNDS),
        best_hpa(tuned.with_default_threads).contender,
        best_hpa(tuned.with_oracle_threads).contender,
        knative.contender,
    )
