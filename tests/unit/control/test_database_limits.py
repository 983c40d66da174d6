"""Whole runs into a database that gives so much and no more, however many pods ask."""

import math
from statistics import median

from hypothesis import given, settings
from hypothesis import strategies as st

from fastapi_tuning.api.spec import FastAPITuningSpec
from tests.unit.control.builders import spec
from tests.unit.control.golden.plant import CYCLE_SECONDS, Plant

QUIET_CYCLES, OVERLOADED_CYCLES, LATER_CYCLES = 40, 160, 20
LARGEST = 40


def service(replicas: int, service_seconds: float, downstream_per_second: float) -> Plant:
    return Plant(
        spec=_spec(),
        replicas=replicas,
        service_seconds=service_seconds,
        downstream_per_second=downstream_per_second,
    )


def _spec() -> FastAPITuningSpec:
    """Nothing is refused, so that everything behind the limit waits."""
    return spec(replicas={"min": 1, "max": LARGEST}, uvicorn={"limit_concurrency": {"mode": "Off"}})


def pods_over(plant: Plant, cycles: int, offered: float) -> list[int]:
    """Pods after each cycle."""
    found = []
    for _ in range(cycles):
        plant.cycle(offered)
        found.append(plant.replicas)
    return found


def carried_by_a_pod(plant: Plant) -> float:
    """Requests per second, were there no database."""
    return min(plant.threads / plant.service_seconds, 1 / plant.cpu_seconds)


downstream = st.floats(50.0, 2000.0)
service_seconds = st.floats(0.05, 0.4)
overload = st.floats(1.2, 4.0)


@given(st.integers(1, 12), service_seconds, downstream, overload)
@settings(max_examples=40)
def test_pods_that_brought_nothing_are_given_back_and_none_is_missing(
    replicas: int, seconds: float, limit: float, factor: float
) -> None:
    plant = service(replicas, seconds, limit)
    pods_over(plant, QUIET_CYCLES, limit / 2)
    before = plant.replicas
    usual = median(pods_over(plant, OVERLOADED_CYCLES, factor * limit)[LATER_CYCLES:])

    assert math.ceil(0.9 * limit / carried_by_a_pod(plant)) <= usual
    assert usual <= max(before, math.ceil(2 * limit / carried_by_a_pod(plant)))


@given(service_seconds, downstream, overload, st.floats(3.0, 6.0))
@settings(max_examples=25)
def test_demand_is_followed_as_soon_as_the_database_gives_more(
    seconds: float, limit: float, factor: float, rise: float
) -> None:
    plant = service(2, seconds, limit)
    pods_over(plant, QUIET_CYCLES, limit / 2)
    pods_over(plant, OVERLOADED_CYCLES // 2, factor * limit)
    plant.downstream_per_second, offered = math.inf, rise * limit
    pods_over(plant, 600 // CYCLE_SECONDS, offered)

    assert plant.replicas >= min(LARGEST, math.ceil(offered / carried_by_a_pod(plant)))
