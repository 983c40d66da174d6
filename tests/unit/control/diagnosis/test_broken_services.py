"""Twelve services, each broken in a way of its own, one in two ways at once, and what is named of each."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fastapi_tuning.api.status import Growth, History
from fastapi_tuning.api.status import LimitingFactor as Factor
from fastapi_tuning.control.observation import Observation, Unschedulable
from tests.unit.control.builders import NOW, ago, learned
from tests.unit.control.diagnosis.services import (
    MIB,
    WELL,
    blocking,
    connections,
    dependencies,
    diagnosed,
    experienced,
    observed,
    peer,
    pods,
    query,
    queueing,
    requests,
)

SLOW = {"late": 0.4, "average_latency_seconds": 0.7, "requests_per_second": 160.0}

A_SMALL_POOL = observed(requests(**SLOW, pods=queueing(thread_seconds_per_request=0.1)))
COMPUTING = observed(
    requests(**SLOW, pods=queueing(cpu_cores=0.97, thread_seconds_per_request=0.5, served_per_second=80.0))
)
BLOCKED = observed(
    requests(**SLOW, pods=pods(served_per_second=80.0, cpu_cores=0.1)),
    blocking=blocking(0.9),
    dependencies=dependencies(peer(seconds_per_second=1.8, calls_per_second=160.0)),
)
FEW_CONNECTIONS = observed(
    requests(**SLOW, pods=queueing(thread_seconds_per_request=0.5)),
    dependencies=dependencies(
        query(seconds_per_second=2.0, calls_per_second=160.0, in_flight=4.0),
        connections(size=4.0, checked_out=4.0, waiting=70.0, wait_seconds_per_second=70.0),
    ),
)
A_SLOW_DATABASE = observed(
    requests(**SLOW, pods=queueing(thread_seconds_per_request=0.5)),
    dependencies=dependencies(
        query(seconds_per_second=30.0, calls_per_second=160.0, in_flight=30.0),
        connections(checked_out=30.0, waiting=50.0, wait_seconds_per_second=50.0),
    ),
)
A_SLOW_API = observed(
    requests(**SLOW, pods=queueing(thread_seconds_per_request=0.5)),
    dependencies=dependencies(peer(seconds_per_second=76.0, calls_per_second=160.0, in_flight=76.0), query()),
)
LITTLE_MEMORY = observed(
    requests(0.3, pods=pods(resident_bytes=122 * MIB)),
    memory_limit_bytes=128.0 * MIB,
    out_of_memory_time=NOW - timedelta(minutes=3),
)
ONE_POD_ALONE = observed(
    requests(
        **{**SLOW, "requests_per_second": 400.0},
        pods=(
            replace(queueing(thread_seconds_per_request=0.1)[0], served_per_second=390.0, threads_waiting=60.0),
            replace(pods()[1], served_per_second=10.0, threads_busy=1.0),
        ),
    )
)
COLD = observed(
    requests(0.2, pods=(*pods(count=1), *pods(ready_seconds=12.0, count=1))),
)
FAILING = observed(requests(failed_per_second=20.0, pods=pods()))
MANY_LIGHT_REQUESTS = observed(
    requests(
        0.1,
        requests_per_second=800.0,
        pods=pods(served_per_second=400.0, threads=120, threads_busy=40.0, cpu_cores=0.76),
    )
)
TOO_MUCH_FOR_ALL = observed(
    requests(0.3, requests_per_second=700.0, pods=pods(served_per_second=350.0, threads_busy=36.0, cpu_cores=0.6)),
    unschedulable=Unschedulable(pods=1, message="0/3 nodes are available: 3 Insufficient cpu."),
)
HEALTHY = observed()


@pytest.mark.parametrize(
    ("service", "factor"),
    [
        pytest.param(A_SMALL_POOL, Factor.THREAD_POOL, id="a pool of threads that is too small"),
        pytest.param(COMPUTING, Factor.CPU, id="requests that compute"),
        pytest.param(BLOCKED, Factor.EVENT_LOOP_BLOCKED, id="a blocking call in async def"),
        pytest.param(FEW_CONNECTIONS, Factor.DATABASE_POOL, id="two connections a pod to a quick database"),
        pytest.param(A_SLOW_DATABASE, Factor.DATABASE, id="a database that is full"),
        pytest.param(A_SLOW_API, Factor.EXTERNAL_API, id="an API that answers late"),
        pytest.param(LITTLE_MEMORY, Factor.MEMORY, id="containers that are killed for their memory"),
        pytest.param(ONE_POD_ALONE, Factor.IMBALANCE, id="clients that keep one connection"),
        pytest.param(COLD, Factor.COLD_PODS, id="pods that are slow while they are young"),
        pytest.param(FAILING, Factor.APPLICATION_ERRORS, id="an app that fails"),
        pytest.param(TOO_MUCH_FOR_ALL, Factor.THREAD_POOL, id="more than the pods carry by their threads"),
        pytest.param(MANY_LIGHT_REQUESTS, Factor.TRAFFIC_ONLY, id="more requests than ever, each as light as ever"),
        pytest.param(HEALTHY, Factor.NONE, id="a healthy service"),
    ],
)
def test_the_cause_is_named(service: Observation, factor: Factor) -> None:
    found = diagnosed(service)

    assert found.factor is factor, found
    assert found.confidence >= 0.6
    assert found.evidence


def test_of_two_causes_one_is_named_and_the_other_comes_next() -> None:
    both = replace(COLD, blocking=blocking(0.5), dependencies=WELL)

    found = diagnosed(both)

    assert {found.factor, found.runner_up} == {Factor.EVENT_LOOP_BLOCKED, Factor.COLD_PODS}


def test_the_blocking_line_the_peer_and_the_busiest_pod_are_named() -> None:
    assert "app/prices.py:42 latest" in diagnosed(BLOCKED).evidence
    assert "postgres:5432" in diagnosed(A_SLOW_DATABASE).evidence
    assert "prices.example:443" in diagnosed(A_SLOW_API).evidence
    assert "pod-0" in diagnosed(ONE_POD_ALONE).evidence


def without_agent(service: Observation) -> Observation:
    return replace(service, dependencies=None, blocking=None)


BEHIND = (Factor.DATABASE, Factor.DATABASE_POOL, Factor.EXTERNAL_API)


@pytest.mark.parametrize("service", [A_SLOW_DATABASE, A_SLOW_API, FEW_CONNECTIONS])
def test_where_nobody_measures_dependencies_none_of_them_is_named(service: Observation) -> None:
    found = diagnosed(without_agent(service))

    assert found.factor is Factor.DOWNSTREAM
    assert found.runner_up not in BEHIND


def test_a_database_that_was_always_slow_is_told_from_its_pods_that_brought_nothing() -> None:
    """Without a baseline, a pool of connections looks too small; more pods brought more of those, and nothing else."""
    slow = observed(
        requests(**SLOW, pods=queueing(thread_seconds_per_request=0.5)),
        dependencies=dependencies(
            query(seconds_per_second=28.0, calls_per_second=160.0, in_flight=28.0),
            connections(checked_out=30.0, waiting=50.0, wait_seconds_per_second=50.0),
        ),
    )
    ignorant = experienced(learned=learned(peers=[]))
    tried = experienced(learned=learned(peers=[]), replica_growth=Growth(strikes=1, base=1))

    assert diagnosed(slow, ignorant).factor is Factor.DATABASE_POOL
    assert diagnosed(slow, tried).factor is Factor.DATABASE


def test_a_service_that_is_frozen_and_well_again_is_limited_by_nothing() -> None:
    frozen: History = experienced(replica_growth=Growth(cap=2, frozen_until=ago(-300), slowdown="1"))

    assert diagnosed(HEALTHY, frozen).factor is Factor.NONE
