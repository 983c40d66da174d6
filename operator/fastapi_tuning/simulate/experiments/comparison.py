"""Every contender on one load: tuned where it can be, judged with every seed, beside what perfect knowledge costs."""

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi_tuning.simulate.experiments.contenders import (
    DEFAULT_THREADS,
    HPA_FAMILIES,
    Contender,
    Family,
    hpa_with_defaults,
    sweep,
)
from fastapi_tuning.simulate.experiments.ours import ours
from fastapi_tuning.simulate.experiments.perfect_knowledge import (
    Capacity,
    dynamic_oracle,
    starting_replicas,
    static_oracle,
)
from fastapi_tuning.simulate.experiments.trials import BOUNDS, SEEDS, Case, Trials, trial, trials, trials_if_kept
from fastapi_tuning.simulate.oracles import Setting
from fastapi_tuning.simulate.score import Score

THREAD_SENSITIVE = (Family.HPA_CPU, Family.HPA_REQUESTS, Family.KNATIVE)
"""Not KEDA, which differs from the HPA on requests only where data is missing; and not the HPA on p99, which grows to
its bound with any number of threads, since below the objective the p99 hardly depends on the pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """One setting of the sweep and what it scored with the first seed."""

    contender: Contender
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """An autoscaler at its best on this very load, for a thread count."""

    family: Family
    contender: Contender
    trials: Trials
    swept: tuple[Swept, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that is known of one case."""

    case: Case
    setting: Setting
    """Of the static oracle."""
    static: Trials
    dynamic: Trials
    ours: Trials
    hpa_with_defaults: Trials
    with_default_threads: tuple[Tuned, ...]
    with_oracle_threads: tuple[Tuned, ...]
    """Those for which threads make a difference."""

    def regret(self, of: Trials) -> float | None:
        """Cost over that of the dynamic oracle; None if either missed the objective, since then it has no meaning."""
        if not (of.kept_objective and self.dynamic.kept_objective):
            return None
        return of.replica_seconds / self.dynamic.replica_seconds


def compare(case: Case, capacity_of: Callable[[int], Capacity]) -> Comparison:
    """`capacity_of` gives what pods of the service carry with a thread count."""
    setting, static = static_oracle(case)
    default, oracle = capacity_of(DEFAULT_THREADS), capacity_of(setting.threads)
    dynamic = dynamic_oracle(case, oracle)
    replicas = starting_replicas(case, default)
    own = trials(case, ours(case.service), replicas=replicas)
    untouched = trials(case, hpa_with_defaults(BOUNDS), replicas=replicas)
    with_default = tuple(_tune(case, family, default) for family in Family)
    with_oracle = tuple(each for each in with_default if each.family in THREAD_SENSITIVE)
    if oracle.threads != default.threads:
        with_oracle = tuple(_tune(case, family, oracle) for family in THREAD_SENSITIVE)
    return Comparison(
        case=case,
        setting=setting,
        static=static,
        dynamic=dynamic,
        ours=own,
        hpa_with_defaults=untouched,
        with_default_threads=with_default,
        with_oracle_threads=with_oracle,
    )


def best_hpa(tuned: Sequence[Tuned]) -> Tuned:
    """The best of the HPA's metrics."""
    return min((each for each in tuned if each.family in HPA_FAMILIES), key=lambda each: _rank(each.trials))


def boldest(settings: int, keeps: Callable[[int], bool]) -> int:
    """Place of the last setting that keeps the objective, −1 if none does; from there on none may keep it."""
    return bisect.bisect(range(settings), 0, key=lambda place: not keeps(place)) - 1


def _tune(case: Case, family: Family, capacity: Capacity) -> Tuned:
    """The boldest setting that keeps the objective with every seed, or the most cautious one if none does.

    A bolder target means fewer pods, so the boldest that keeps it with the first seed is found by bisection.
    """
    replicas = starting_replicas(case, capacity)
    settings = tuple(sweep(family, capacity.of_a_pod, BOUNDS, case.service.objective_seconds))
    tried: dict[int, Swept] = {}

    def keeps(place: int) -> bool:
        score = trial(case, settings[place], replicas=replicas, seed=SEEDS[0])
        tried[place] = Swept(contender=settings[place], score=score)
        return score.kept_objective

    for place in range(boldest(len(settings), keeps), -1, -1):
        found = trials_if_kept(case, settings[place], replicas=replicas)
        if found is not None:
            break
    else:
        place, found = 0, trials(case, settings[0], replicas=replicas)
    return Tuned(family=family, contender=settings[place], trials=found, swept=tuple(tried.values()))


def _rank(found: Trials) -> tuple[bool, float]:
    """The cheapest of those that kept the objective, else the one with the fewest violation seconds."""
    kept = found.kept_objective
    return (not kept, found.replica_seconds if kept else found.violation_seconds)
