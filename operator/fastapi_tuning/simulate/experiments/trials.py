"""One contender on one load with one seed → Score; and the same over all seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from fastapi_tuning.simulate.app import ClusterModel, Later
from fastapi_tuning.simulate.autoscalers.hpa import ReplicaBounds
from fastapi_tuning.simulate.experiments.contenders import Contender
from fastapi_tuning.simulate.experiments.services import Service
from fastapi_tuning.simulate.run import Start, run
from fastapi_tuning.simulate.scaler import FloatArray, Run
from fastapi_tuning.simulate.score import Score, score

RUN_SECONDS = 2400
"""Length of a run; more of a trace file is not looked at. Forty minutes are short for a day's curve, but long
beside the five minutes of any stabilisation window. The whole report takes about an hour of one core."""
WARM_UP_SECONDS = 300
COOL_DOWN_SECONDS = 30
"""As long as clients wait."""
SEEDS = (1, 2, 3, 4, 5)
BOUNDS = ReplicaBounds(least=1, most=30)
CLUSTER = ClusterModel(client_timeout_seconds=COOL_DOWN_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A service under a load: the mean requests per second of each second, by seed."""

    service: Service
    load: str
    curve: Callable[[int], FloatArray]

    @property
    def name(self) -> str:
        return f"{self.service.name}, {self.load}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """Scores of one contender on one case, in the order of the seeds."""

    contender: str
    threads: int
    """What pods started with."""
    scores: tuple[Score, ...]

    @property
    def kept_objective(self) -> bool:
        """Whether the objective was kept with every seed; only then is the cost a score."""
        return all(each.kept_objective for each in self.scores)

    @property
    def replica_seconds(self) -> float:
        return fmean(each.replica_seconds for each in self.scores)

    @property
    def violation_seconds(self) -> float:
        return fmean(each.violation_seconds for each in self.scores)


def simulate(
    service: Service,
    rates: FloatArray,
    contender: Contender,
    *,
    replicas: int,
    seed: int,
    later: Sequence[Later] = (),
) -> Run:
    """A run in the cluster of the experiments, from so many replicas on."""
    return run(
        app=service.app,
        rates=rates,
        scaler=contender.make(),
        start=Start(replicas=replicas, threads=contender.threads),
        objective_seconds=service.objective_seconds,
        seed=seed,
        cluster=CLUSTER,
        later=later,
    )


def trial(case: Case, contender: Contender, *, replicas: int, seed: int) -> Score:
    """Judge one run."""
    found = simulate(case.service, case.curve(seed), contender, replicas=replicas, seed=seed)
    return score(found, warm_up_seconds=WARM_UP_SECONDS, cool_down_seconds=COOL_DOWN_SECONDS)


def trials(case: Case, contender: Contender, *, replicas: int) -> Trials:
    """Judge a contender with every seed."""
    scores = tuple(trial(case, contender, replicas=replicas, seed=seed) for seed in SEEDS)
    return Trials(contender=contender.name, threads=contender.threads, scores=scores)


def trials_if_kept(case: Case, contender: Contender, *, replicas: int) -> Trials | None:
    """Judge a contender with every seed, or stop and forget it at the first with which it misses the objective."""
    scores: list[Score] = []
    for seed in SEEDS:
        scores.append(trial(case, contender, replicas=replicas, seed=seed))
        if not scores[-1].kept_objective:
            return None
    return Trials(contender=contender.name, threads=contender.threads, scores=tuple(scores))
