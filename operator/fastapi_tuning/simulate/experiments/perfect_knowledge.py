"""The oracles, asked about the services of the experiments: what pods carry, and the best settings and plans."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from fastapi_tuning.simulate.autoscalers.static import Static, Timetable
from fastapi_tuning.simulate.experiments.contenders import Contender, PodCapacity
from fastapi_tuning.simulate.experiments.services import Service
from fastapi_tuning.simulate.experiments.trials import (
    BOUNDS,
    CLUSTER,
    COOL_DOWN_SECONDS,
    SEEDS,
    Case,
    Trials,
    simulate,
    trial,
    trials_if_kept,
)
from fastapi_tuning.simulate.oracles import OutOfReach, Setting, best_static, capacity_table, plan
from fastapi_tuning.simulate.scaler import FloatArray
from fastapi_tuning.simulate.score import Score, score

THREADS_GRID = (4, 20, 40, 80, 120, 200)
CAPACITY_SECONDS = 180
CAPACITY_WARM_UP_SECONDS = 30
CAPACITY_REPLICAS = (1, 2, 4, 8, 16)
TYPICAL_REPLICAS = 8
"""A target per pod is a share of what each of so many pods carries."""
MARGINS = (1.1, 1.0, 0.9, 0.8, 0.7)
"""Factors on the capacity that the plan trusts; the first that keeps the objective is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Requests per second that 0, 1, 2, … pods of a service carry with a thread count."""

    threads: int
    by_replicas: FloatArray
    service_seconds: float

    @property
    def of_a_pod(self) -> PodCapacity:
        rate = float(self.by_replicas[TYPICAL_REPLICAS]) / TYPICAL_REPLICAS
        return PodCapacity(threads=self.threads, requests_per_second=rate, in_flight=rate * self.service_seconds)


def capacity(service: Service, threads: int) -> Capacity:
    """What pods carry at constant load for some minutes, found by trying."""

    def carries(replicas: int, requests_per_second: float) -> bool:
        rates = np.full(CAPACITY_SECONDS, requests_per_second)
        found = simulate(service, rates, _static(replicas, threads), replicas=replicas, seed=SEEDS[0])
        judged = score(found, warm_up_seconds=CAPACITY_WARM_UP_SECONDS, cool_down_seconds=COOL_DOWN_SECONDS)
        return judged.kept_objective

    table = capacity_table(
        carries,
        tried=CAPACITY_REPLICAS,
        most_replicas=BOUNDS.most,
        highest_per_pod=_highest_per_pod(service),
    )
    return Capacity(threads=threads, by_replicas=table, service_seconds=_service_seconds(service))


def static_oracle(case: Case) -> tuple[Setting, Trials]:
    """The best constant setting that keeps the objective with every seed, and what it scored. Raises OutOfReach."""

    def keeps(replicas: int, threads: int) -> bool:
        return trial(case, _static(replicas, threads), replicas=replicas, seed=SEEDS[0]).kept_objective

    best = best_static(keeps, threads_grid=THREADS_GRID, most_replicas=BOUNDS.most)
    for replicas in range(best.replicas, BOUNDS.most + 1):
        found = trials_if_kept(case, _static(replicas, best.threads), replicas=replicas)
        if found is not None:
            return Setting(replicas=replicas, threads=best.threads), found
    raise OutOfReach(f"{case.name}: {BOUNDS.most} pods with {best.threads} threads miss the objective with some seed")


def dynamic_oracle(case: Case, capacity: Capacity) -> Trials:
    """The cheapest plan that knows the next minute and keeps the objective, seed by seed."""
    return Trials(
        contender="dynamic oracle",
        threads=capacity.threads,
        scores=tuple(_best_plan(case, capacity, seed) for seed in SEEDS),
    )


def starting_replicas(case: Case, capacity: Capacity) -> int:
    """Pods that carry the load of the first minute."""
    return plan(case.curve(SEEDS[0])[:60], capacity.by_replicas, margin=1.0, lead_seconds=0, least_replicas=1)[0][1]


def _best_plan(case: Case, capacity: Capacity, seed: int) -> Score:
    for margin in MARGINS:
        changes = plan(
            case.curve(seed),
            capacity.by_replicas,
            margin=margin,
            lead_seconds=_lead_seconds(case.service),
            least_replicas=BOUNDS.least,
        )
        contender = Contender(name="plan", threads=capacity.threads, make=partial(Timetable, changes))
        found = trial(case, contender, replicas=changes[0][1], seed=seed)
        if found.kept_objective:
            break
    return found


def _static(replicas: int, threads: int) -> Contender:
    return Contender(name=f"{replicas} pods", threads=threads, make=lambda: Static(replicas=replicas))


def _lead_seconds(service: Service) -> int:
    """Start of a pod, and the time that keep-alive connections take to find it."""
    start = service.app.startup.mean_seconds + service.app.warmup_seconds + CLUSTER.command_delay_seconds
    return math.ceil(start + CLUSTER.connection_lifetime_seconds / 2)


def _service_seconds(service: Service) -> float:
    """Mean time that a request takes alone in a pod."""
    total = sum(endpoint.weight for endpoint in service.app.endpoints)
    times = [
        endpoint.weight
        * (
            endpoint.cpu.mean_seconds
            + endpoint.wait.mean_seconds
            + (0.0 if endpoint.query is None else endpoint.query.mean_seconds)
        )
        for endpoint in service.app.endpoints
    ]
    return sum(times) / total + service.app.framework_cpu_seconds


def _highest_per_pod(service: Service) -> float:
    """Requests per second at which a pod's core would be busy all the time."""
    total = sum(endpoint.weight for endpoint in service.app.endpoints)
    cpu = sum(endpoint.weight * endpoint.cpu.mean_seconds for endpoint in service.app.endpoints) / total
    return service.app.cpu_cores / (cpu + service.app.framework_cpu_seconds)
