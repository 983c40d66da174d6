"""The whole law for services on one database of 100 connections, under an hour of load, in virtual time."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastapi_tuning.control.database_budget import Claim, share_of
from fastapi_tuning.control.knobs import Knob
from tests.unit.control.builders import spec
from tests.unit.control.claims import claim
from tests.unit.control.golden.plant import CYCLE_SECONDS, Plant

CYCLES = 3600 // CYCLE_SECONDS
CYCLES_TO_END = 2
"""A pod that is to end is there for half a minute more, with its connections."""
A_POD = 100.0
"""Requests per second that a pod carries with threads to spare."""
MOST = 20

Load = Callable[[float], float]
"""Requests per second at a moment of the hour, 0 to 1."""


@dataclass
class Service:
    load: Load
    connections_per_pod: int
    plant: Plant = field(
        default_factory=lambda: Plant(
            spec=spec(replicas={"min": 1, "max": MOST}, threadPool={"mode": "Off"}), replicas=1, service_seconds=0.28
        )
    )
    ending: list[int] = field(default_factory=list)
    """Pods that end, by the cycles that each is still there."""

    @property
    def connections(self) -> int:
        return self.connections_per_pod * (self.plant.replicas + len(self.ending))


@dataclass
class Hour:
    """All services decide one after the other in each cycle; what one decided the next one sees."""

    services: dict[str, Service]
    pods: dict[str, list[int]] = field(default_factory=dict)
    connections: list[int] = field(default_factory=list)

    def run(self) -> "Hour":
        self.pods = {name: [] for name in self.services}
        for cycle in range(CYCLES):
            book = {name: self._seen(name) for name in self.services}
            for name in self.services:
                self._decide(name, book, cycle)
            self.connections.append(sum(service.connections for service in self.services.values()))
            for name, service in self.services.items():
                self.pods[name].append(service.plant.replicas)
                service.ending = [left - 1 for left in service.ending if left > 1]
        return self

    def _seen(self, name: str) -> Claim:
        service = self.services[name]
        share = service.plant.database
        return claim(
            name,
            connections_per_pod=service.connections_per_pod,
            budget_connections=97,
            replicas=service.plant.replicas,
            ending_pods=len(service.ending),
            wanted=service.plant.replicas if share is None else share.wanted_pods,
        )

    def _decide(self, name: str, book: dict[str, Claim], cycle: int) -> None:
        service, before = self.services[name], self.services[name].plant.replicas
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=service.plant.seconds)
        plant = service.plant
        plant.database = share_of(name, tuple(book.values()), name="main", most=MOST, before=plant.database, now=now)
        _, outcome = plant.cycle(service.load(cycle / CYCLES))
        plant.database = outcome.database
        after = outcome.moves.get(Knob.REPLICAS, before)
        service.ending += [CYCLES_TO_END] * (before - after)
        assert plant.database is not None
        book[name] = claim(
            name,
            connections_per_pod=service.connections_per_pod,
            budget_connections=97,
            replicas=max(before, after),
            ending_pods=book[name].ending_pods,
            wanted=plant.database.wanted_pods,
        )


def steady(pods: float) -> Load:
    return lambda _: pods * A_POD


def wave(pods: float, *, offset: float = 0.0) -> Load:
    """From next to nothing to what so many pods carry, twice an hour."""
    return lambda moment: A_POD * pods * (0.55 - 0.45 * math.cos(4 * math.pi * (moment + offset)))


def last_quarter(hour: Hour, name: str) -> float:
    return mean(hour.pods[name][-CYCLES // 4 :])


def test_two_that_want_more_than_there_is_share_it_evenly() -> None:
    hour = Hour({"a": Service(steady(14), 10), "b": Service(steady(14), 10)}).run()

    assert max(hour.connections) <= 97
    assert last_quarter(hour, "a") + last_quarter(hour, "b") == pytest.approx(9, abs=0.5), "none is left over"
    assert abs(last_quarter(hour, "a") - last_quarter(hour, "b")) <= 1.5


def test_whoever_comes_second_gets_its_share_all_the_same() -> None:
    late = Service(lambda moment: A_POD * (0.3 if moment < 0.4 else 14), 10)
    hour = Hour({"early": Service(steady(14), 10), "late": late}).run()

    assert hour.pods["early"][CYCLES // 3] == 8, "all but the pod of the other"
    assert max(hour.connections) <= 97
    assert abs(last_quarter(hour, "early") - last_quarter(hour, "late")) <= 1.5


def test_one_that_needs_little_leaves_the_rest_to_the_other() -> None:
    hour = Hour({"busy": Service(steady(14), 10), "quiet": Service(steady(1.5), 10)}).run()

    assert max(hour.connections) <= 97
    assert last_quarter(hour, "busy") >= 6
    assert last_quarter(hour, "quiet") >= 2


def test_services_with_peaks_at_different_times_each_have_theirs() -> None:
    hour = Hour({"a": Service(wave(7), 10), "b": Service(wave(7, offset=0.25), 10)}).run()

    assert max(hour.connections) <= 97
    assert max(hour.pods["a"][CYCLES // 4 :]) >= 6
    assert max(hour.pods["b"][CYCLES // 4 :]) >= 6


loads = st.builds(steady, st.floats(0.2, 20)) | st.builds(wave, st.floats(0.5, 20), offset=st.floats(0, 1))


@given(st.lists(st.tuples(loads, st.integers(3, 25)), min_size=2, max_size=3))
@settings(max_examples=15, deadline=None)
def test_an_hour_of_any_load_stays_within_the_budget(drawn: list[tuple[Load, int]]) -> None:
    hour = Hour({f"s{index}": Service(load, size) for index, (load, size) in enumerate(drawn)}).run()

    assert max(hour.connections) <= 97
