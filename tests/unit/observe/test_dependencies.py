"""What agents say of databases and services that their pods call, and what becomes of an answer that is none."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import pytest

from fastapi_tuning.control.observation import DatabasePool, Dependencies, OutboundPeer, PeerKind
from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe import queries
from fastapi_tuning.observe.agents import NO_READINGS, Agents, agents_of, read_agents
from fastapi_tuning.observe.dependencies import MOST_NAMED, read_dependencies, summed
from fastapi_tuning.observe.prometheus import Sample
from tests.unit.fakes.api_server import with_agent

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POOL = {"size": 15.0, "checked_out": 14.0, "waiting": 3.0, "wait_seconds": 2.5}
CALLS = {"calls ok": 9.0, "calls error": 1.0, "seconds": 4.0, "in_flight": 6.0}


class Answers:
    """Answers the query for dependencies with these samples, and every other with none."""

    def __init__(self, *samples: Iterable[Sample]) -> None:
        self.samples = tuple(sample for group in samples for sample in group)
        self.asked: list[str] = []

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        self.asked.append(promql)
        return self.samples if queries.MEASURE in promql else ()


def pool(pod: str = "pod-0", peer: str = "db:5432", changes: Mapping[str, float] | None = None) -> list[Sample]:
    labels = {"namespace": "shop", "pod": pod, "peer": peer}
    return [
        Sample(labels={**labels, "measure": name}, value=value) for name, value in (POOL | dict(changes or {})).items()
    ]


def calls(
    pod: str = "pod-0", peer: str = "api:443", kind: str = "HTTP", changes: Mapping[str, float] | None = None
) -> list[Sample]:
    labels = {"namespace": "shop", "pod": pod, "peer": peer, "kind": kind}
    samples = []
    for name, value in (CALLS | dict(changes or {})).items():
        measure, _, outcome = name.partition(" ")
        samples.append(
            Sample(labels={**labels, "measure": measure} | ({"outcome": outcome} if outcome else {}), value=value)
        )
    return samples


def read(*samples: Iterable[Sample]) -> Dependencies | None:
    """Of all pods together."""
    return summed(read_dependencies(Answers(*samples), 'namespace="shop"', NOW).values())


def carrying(*names: str) -> Agents:
    return agents_of(
        with_agent({"metadata": {"name": name}, "spec": {"containers": [{"name": "app"}]}}) for name in names
    )


def test_pools_and_calls_are_added_up_over_the_pods() -> None:
    assert read(pool(), pool("pod-1"), calls(), calls("pod-1")) == Dependencies(
        pools=(DatabasePool(peer="db:5432", size=30, checked_out=28, waiting=6, wait_seconds_per_second=5),),
        peers=(
            OutboundPeer(
                kind=PeerKind.HTTP,
                peer="api:443",
                calls_per_second=20,
                failed_per_second=2,
                seconds_per_second=8,
                in_flight=12,
            ),
        ),
    )


def test_one_query_serves_all_targets() -> None:
    reader = Answers(pool())
    found = read_agents(reader, ["shop", "search"], NOW)
    assert found is not None
    assert sum(queries.MEASURE in promql for promql in reader.asked) == 1
    assert len(reader.asked) == 3


def test_a_target_has_the_dependencies_of_its_own_pods() -> None:
    found = read_agents(Answers(pool("pod-0"), pool("pod-1"), pool("other")), ["shop"], NOW)
    assert found is not None
    own = found.dependencies_of("shop", carrying("pod-0", "pod-1"))
    assert own is not None
    assert own.pools[0].size == 2 * POOL["size"]
    assert found.dependencies_of("search", carrying("pod-0")) is None
    assert found.dependencies_of("shop", carrying()) is None


def test_without_an_agent_that_measures_them_there_are_none_and_not_empty_ones() -> None:
    assert read() is None
    assert NO_READINGS.dependencies_of("shop", carrying("pod-0")) is None


def test_a_prometheus_that_refuses_this_query_takes_nothing_else_away() -> None:
    class Refuses(Answers):
        def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
            if queries.MEASURE in promql:
                raise MetricsUnavailable("query timed out")
            return (Sample(labels={"namespace": "shop", "pod": "pod-0", "__name__": queries.WORKERS}, value=1),)

    found = read_agents(Refuses(), ["shop"], NOW)
    assert found is not None
    assert found.workers == {("shop", "pod-0"): 1}
    assert found.dependencies == {}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 1e12])
@pytest.mark.parametrize("name", [*POOL, *CALLS])
def test_what_has_a_number_that_is_none_is_dropped_and_the_rest_is_not(name: str, value: float) -> None:
    hostile = pool("pod-1", changes={name: value}) if name in POOL else calls("pod-1", changes={name: value})
    assert read(pool(), calls(), hostile) == read(pool(), calls())


@pytest.mark.parametrize("left_out", [*POOL, *CALLS])
def test_what_is_known_in_part_is_not_known(left_out: str) -> None:
    samples = [
        sample
        for sample in (*pool(), *calls())
        if left_out != " ".join(filter(None, (sample.labels["measure"], sample.labels.get("outcome"))))
    ]
    found = read(samples)
    assert found is not None
    assert (len(found.pools), len(found.peers)) == ((0, 1) if left_out in POOL else (1, 0))


def test_a_kind_that_nobody_knows_and_a_peer_without_a_name_are_dropped() -> None:
    assert read(calls(kind="Carrier pigeon"), calls(peer=""), pool(peer="")) is None


def test_the_same_peer_of_two_kinds_is_two() -> None:
    found = read(calls(kind="HTTP", peer="x:1"), calls(kind="Cache", peer="x:1"))
    assert found is not None
    assert {peer.kind for peer in found.peers} == {PeerKind.HTTP, PeerKind.CACHE}


def test_of_too_many_peers_those_that_take_most_time_stay() -> None:
    found = read(
        *(calls(peer=f"host-{number}", changes={"seconds": float(number)}) for number in range(MOST_NAMED + 20))
    )
    assert found is not None
    times = [peer.seconds_per_second for peer in found.peers]
    assert times == [float(number) for number in reversed(range(20, MOST_NAMED + 20))]
