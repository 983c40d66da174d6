"""What holds of a diagnosis whatever is observed."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import History
from fastapi_tuning.api.status import LimitingFactor as Factor
from fastapi_tuning.control.cycle import Surroundings, tune
from fastapi_tuning.control.diagnosis.diagnose import Diagnosis
from fastapi_tuning.control.observation import (
    BlockingCall,
    DatabasePool,
    Dependencies,
    Observation,
    OutboundPeer,
    PeerKind,
    Unschedulable,
)
from tests.unit.control.builders import NOW, history, spec, surroundings
from tests.unit.control.diagnosis.services import (
    MIB,
    blocking,
    connections,
    dependencies,
    diagnosed,
    observed,
    peer,
    pods,
    query,
    requests,
)
from tests.unit.control.test_properties import everything

numbers = st.sampled_from([0.0, 1.0, 30.0, float("nan"), float("inf"), -1.0]) | st.floats(0, 1e6)
names = st.sampled_from(["postgres:5432", "", "x" * 300])
pools = st.builds(
    DatabasePool, peer=names, size=numbers, checked_out=numbers, waiting=numbers, wait_seconds_per_second=numbers
)
peers = st.builds(
    OutboundPeer,
    kind=st.sampled_from(PeerKind),
    peer=names,
    calls_per_second=numbers,
    failed_per_second=numbers,
    seconds_per_second=numbers,
    in_flight=numbers,
)
measured = st.builds(
    Dependencies,
    pools=st.lists(pools, max_size=2).map(tuple),
    peers=st.lists(peers, max_size=10).map(tuple),
)
calls = st.builds(
    BlockingCall, pod=st.just("pod-0"), place=st.sampled_from(["app.py:1 f", "other"]), ratio=st.floats(0, 1)
)
beside = st.builds(Unschedulable, pods=st.integers(1, 9), message=st.just("no room"))


def decided(wish: FastAPITuningSpec, seen: Observation, past: History, around: Surroundings) -> Diagnosis:
    return tune(wish, seen, past, around).diagnosis


@given(*everything, st.none() | measured, st.none() | calls, st.none() | beside, st.none() | st.just(NOW))
def test_every_diagnosis_has_evidence_and_a_confidence_and_the_same_input_gives_the_same(
    wish: FastAPITuningSpec,
    seen: Observation,
    past: History,
    around: Surroundings,
    measures: Dependencies | None,
    call: BlockingCall | None,
    nowhere: Unschedulable | None,
    killed: object,
) -> None:
    target = replace(seen.workload, unschedulable=nowhere, out_of_memory_time=killed)  # type: ignore[arg-type]
    whole = replace(seen, dependencies=measures, blocking=call, workload=target)

    outcome = tune(wish, whole, past, around)
    found = outcome.diagnosis

    assert found.evidence
    assert 0 <= found.confidence <= 1
    assert found.runner_up is not found.factor
    assert tune(wish, whole, past, around) == outcome
    assert History.model_validate_json(outcome.history.model_dump_json(by_alias=True)) == outcome.history


@given(*everything, st.none() | calls)
def test_where_nobody_measures_dependencies_none_of_them_is_named(
    wish: FastAPITuningSpec, seen: Observation, past: History, around: Surroundings, call: BlockingCall | None
) -> None:
    found = decided(wish, replace(seen, blocking=call, dependencies=None), past, around)

    assert not {found.factor, found.runner_up} & {Factor.DATABASE, Factor.DATABASE_POOL, Factor.EXTERNAL_API}


@given(
    rate=st.floats(1.0, 250.0),
    work=st.floats(0.0, 0.0024),
    memory=st.floats(0.0, 0.85),
    latency=st.floats(0.001, 0.3),
    calls_per_second=st.floats(0.0, 1000.0),
    stalls=st.floats(0.0, 0.2),
    age=st.floats(0.0, 1e5),
)
def test_a_healthy_service_never_raises_an_alarm(
    rate: float, work: float, memory: float, latency: float, calls_per_second: float, stalls: float, age: float
) -> None:
    """Whatever it calls and however young it is: the objective holds, and nothing is close to its limit."""
    each = pods(
        served_per_second=rate / 2,
        cpu_cores=work * rate / 2,
        resident_bytes=memory * 100 * MIB,
        thread_seconds_per_request=0.1,
        ready_seconds=age,
    )
    seen = observed(
        requests(requests_per_second=rate, average_latency_seconds=latency, pods=each),
        memory_limit_bytes=100.0 * MIB,
        blocking=blocking(stalls),
        dependencies=dependencies(
            peer(calls_per_second=calls_per_second, seconds_per_second=rate * latency, in_flight=rate * latency),
            query(calls_per_second=calls_per_second, seconds_per_second=rate * latency, in_flight=rate * latency),
            connections(checked_out=20.0),
        ),
    )

    assert diagnosed(seen).factor is Factor.NONE


@given(measured)
def test_whatever_is_measured_of_dependencies_does_not_alarm_a_service_that_is_well(measures: Dependencies) -> None:
    """But for a pool that requests wait for, which is close to its limit."""
    assert diagnosed(observed(dependencies=measures)).factor in (Factor.NONE, Factor.DATABASE_POOL)


def test_the_operator_moves_alike_whether_or_not_a_healthy_service_has_measured_dependencies() -> None:
    seen = observed()
    with_them = tune(spec(), seen, history(), surroundings())
    without = tune(spec(), replace(seen, dependencies=None), history(), surroundings())

    assert with_them.moves == without.moves
