"""All experiments of the report, one after the other."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from fastapi_tuning.simulate.experiments.ablations import Ablation, ablate, ours_without_downstream_test
from fastapi_tuning.simulate.experiments.comparison import Comparison, Progress, best_hpa, compare
from fastapi_tuning.simulate.experiments.contenders import Contender, Family, at_the_database, hpa_with_defaults
from fastapi_tuning.simulate.experiments.disturbances import (
    DISTURBED,
    DatabaseResponse,
    Response,
    disturbances,
    meet_the_database,
    respond,
)
from fastapi_tuning.simulate.experiments.loads import cases
from fastapi_tuning.simulate.experiments.ours import ours
from fastapi_tuning.simulate.experiments.perfect_knowledge import Capacity, capacity
from fastapi_tuning.simulate.experiments.services import DATABASE_BOUND, SHORT_OF_CONNECTIONS, Service
from fastapi_tuning.simulate.experiments.trials import BOUNDS
from fastapi_tuning.simulate.scaler import FloatArray

DISTURBED_REPLICAS = 4
"""What all contenders start with; they have ten minutes to find their own number."""
ABLATED_LOAD = "diurnal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What all experiments found."""

    comparisons: tuple[Comparison, ...]
    responses: tuple[Response, ...]
    database: tuple[DatabaseResponse, ...]
    """Ours first for each service."""
    ablations: tuple[Ablation, ...]


def everything(trace: FloatArray | None, progress: Progress) -> Findings:
    """Run them all; `trace` is a further load, in requests per second."""
    known = functools.cache(capacity)

    def capacity_of(service: Service, threads: int) -> Capacity:
        return known(service, threads)

    comparisons = tuple(compare(case, functools.partial(capacity_of, case.service), progress) for case in cases(trace))
    return Findings(
        comparisons=comparisons,
        responses=tuple(_responses(comparisons, progress)),
        database=tuple(_database(progress)),
        ablations=tuple(_ablations(comparisons, progress)),
    )


def _responses(comparisons: Iterable[Comparison], progress: Progress) -> Iterable[Response]:
    for service in DISTURBED:
        tuned = next(each for each in comparisons if each.case.service == service)
        contenders = (ours(service), *_rivals(tuned))
        for disturbance in disturbances(service):
            progress(f"{service.name}, {disturbance.name}")
            for contender in contenders:
                yield respond(service, disturbance, contender, replicas=DISTURBED_REPLICAS)


def _database(progress: Progress) -> Iterable[DatabaseResponse]:
    for service in (DATABASE_BOUND, SHORT_OF_CONNECTIONS):
        progress(f"{service.name}, overload")
        rivals = at_the_database(BOUNDS, service.objective_seconds)
        for contender in (ours(service), ours_without_downstream_test(service), *rivals):
            yield meet_the_database(service, contender, replicas=DISTURBED_REPLICAS)


def _ablations(comparisons: Iterable[Comparison], progress: Progress) -> Iterable[Ablation]:
    for comparison in comparisons:
        if comparison.case.load == ABLATED_LOAD:
            progress(f"{comparison.case.name}: parts of ours taken away")
            yield ablate(comparison)


def _rivals(tuned: Comparison) -> tuple[Contender, ...]:
    """The HPA as it comes, the best-tuned one with either thread count, and Knative."""
    knative = next(each for each in tuned.with_oracle_threads if each.family is Family.KNATIVE)
    return (
        hpa_with_defaults(BOUNDS),
        best_hpa(tuned.with_default_threads).contender,
        best_hpa(tuned.with_oracle_threads).contender,
        knative.contender,
    )
