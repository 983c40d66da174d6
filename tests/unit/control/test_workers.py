"""From several workers in a pod to one: first the pods, then the worker count, and never twice."""

from dataclasses import replace

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import History
from fastapi_tuning.control.foreign_owner import SETTINGS
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.memory import remember_worker_pods
from fastapi_tuning.control.observation import Delivery, Enforcement, Workload
from fastapi_tuning.control.workers import propose_one_worker, without_room
from tests.unit.control.builders import foreign_owner, history, launch, spec, workload

AUTO = spec(workers={"mode": "Enforce"})
RECOMMEND = spec(mode="Recommend", workers={"mode": "Enforce"})
FOUR = launch(workers=4, workers_from="environment WEB_CONCURRENCY=4")


def proposed(
    target: Workload, past: History | None = None, wish: FastAPITuningSpec = AUTO, needed: int = 1
) -> tuple[Knob, int] | None:
    proposals = propose_one_worker(wish, target, past or history(), needed)
    return (proposals[0].knob, proposals[0].wanted) if proposals else None


def test_each_worker_becomes_a_pod_first() -> None:
    (proposal,) = propose_one_worker(AUTO, workload(launch=FOUR, desired_replicas=2), history(), 1)

    assert (proposal.knob, proposal.current, proposal.wanted) == (Knob.REPLICAS, 2, 8)
    assert proposal.reason is Reason.WORKERS_TO_PODS
    assert "WEB_CONCURRENCY=4" in proposal.message


def test_pods_are_not_multiplied_for_workers_that_may_not_go() -> None:
    canary = foreign_owner(reason=Reason.PROGRESSIVE_DELIVERY, knobs=SETTINGS)

    assert proposed(workload(launch=FOUR)) is not None
    assert proposed(workload(launch=FOUR, foreign_owners=(canary,))) is None
    assert proposed(workload(launch=FOUR, foreign_owners=(replace(canary, knobs=(Knob.REPLICAS,)),))) is not None


def test_the_workers_go_when_all_the_pods_are_ready() -> None:
    ready = workload(launch=FOUR, desired_replicas=8)

    assert proposed(ready, history(pods_for_one_worker=8)) == (Knob.WORKERS, 1)


def test_pods_are_held_until_they_are_ready() -> None:
    starting = workload(launch=FOUR, desired_replicas=8, ready_replicas=5)

    assert proposed(starting, history(pods_for_one_worker=8)) == (Knob.REPLICAS, 8)


def test_the_count_is_not_multiplied_twice_when_pods_come_in_steps() -> None:
    past = history()
    counts = []
    for desired in (2, 6, 8):
        target = workload(launch=FOUR, desired_replicas=desired)
        proposals = propose_one_worker(AUTO, target, past, 1)
        past = remember_worker_pods(past, target, proposals)
        counts.append((proposals[0].knob, proposals[0].wanted))

    assert counts == [(Knob.REPLICAS, 8), (Knob.REPLICAS, 8), (Knob.WORKERS, 1)]


def test_load_that_rises_meanwhile_gets_its_pods_too() -> None:
    starting = workload(launch=FOUR, desired_replicas=8, ready_replicas=5)

    assert proposed(starting, history(pods_for_one_worker=8), needed=11) == (Knob.REPLICAS, 11)


def test_a_bound_that_leaves_no_room_for_the_pods_stops_the_change_before_it_costs_anything() -> None:
    narrow = spec(workers={"mode": "Enforce"}, replicas={"min": 1, "max": 7})

    assert proposed(workload(launch=FOUR, desired_replicas=2), wish=narrow) is None
    (held,) = without_room(narrow, workload(launch=FOUR, desired_replicas=2), history())
    assert held.value is None
    assert [(each.reason, each.message) for each in held.guards] == [
        (Reason.AT_MAXIMUM, "needs 8 pods, replicas.max is 7")
    ]


@pytest.mark.parametrize("wish", [AUTO, spec()])
def test_nothing_is_held_where_there_is_room_or_nothing_to_change(wish: FastAPITuningSpec) -> None:
    assert without_room(wish, workload(launch=FOUR, desired_replicas=2), history()) == ()


@pytest.mark.parametrize(
    ("target", "wish"),
    [
        pytest.param(workload(), AUTO, id="one worker already"),
        pytest.param(workload(launch=replace(FOUR, workers=None)), AUTO, id="not known"),
        pytest.param(workload(launch=replace(FOUR, worker_variables=())), AUTO, id="an argument fixes it"),
        pytest.param(workload(launch=FOUR), spec(), id="only to be reported"),
        pytest.param(workload(launch=FOUR), RECOMMEND, id="object recommends"),
    ],
)
def test_workers_are_left_alone(target: Workload, wish: FastAPITuningSpec) -> None:
    assert proposed(target, wish=wish) is None


BY_ARGUMENT = replace(FOUR, worker_variables=(), workers_from="argument --workers 4")


def live(enforcement: Enforcement) -> Workload:
    ordered = replace(BY_ARGUMENT, enforcement=enforcement)
    return workload(launch=ordered, desired_replicas=2, delivery=Delivery.LIVE)


def test_what_an_argument_fixes_the_agent_overrules() -> None:
    assert proposed(live(Enforcement.UNSET)) == (Knob.REPLICAS, 8)


def test_an_order_that_was_given_is_not_given_again() -> None:
    assert proposed(live(Enforcement.SET)) is None


def test_an_order_that_is_somebody_elses_is_left_to_them() -> None:
    assert proposed(live(Enforcement.NOT_OURS)) is None
