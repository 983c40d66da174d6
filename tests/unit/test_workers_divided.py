"""Whole cycles from several workers in a pod to one in each of more, with what the pods reserve."""

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import Json
from tests.unit.fakes.world import CHECKOUT, World, of_two_pods, tuning

MIB = 2**20
RESOURCES: Json = {
    "requests": {"cpu": "1", "memory": "512Mi", "ephemeral-storage": "1Gi"},
    "limits": {"memory": "512Mi"},
}
DIVIDED: Json = {
    "requests": {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "1Gi"},
    "limits": {"memory": "256Mi"},
}


@pytest.fixture
def world() -> World:
    """Two pods of two workers, each of 100 MiB, and an operator that may divide."""
    made = of_two_pods()
    made.reconciler.divides_resources = True
    made.load.resident_bytes = 100.0 * MIB
    container(made).update(env=[{"name": "WEB_CONCURRENCY", "value": "2"}], resources=copy_of(RESOURCES))
    made.load.requests_per_second = 100.0
    return made


def copy_of(resources: Json) -> Json:
    return {kind: dict(quantities) for kind, quantities in resources.items()}


def container(world: World) -> Json:
    found: Json = world.api.deployments[CHECKOUT]["spec"]["template"]["spec"]["containers"][0]
    return found


def wish(resources: str = "Divide", on_delete: str = "Restore") -> FastAPITuning:
    return tuning(workers={"mode": "Enforce", "resources": resources}, onDelete=on_delete)


async def moved(world: World, asked: FastAPITuning) -> None:
    """Through the pods to the workers."""
    await world.cycle(asked)
    assert world.replicas() == 4
    assert container(world)["resources"] == RESOURCES, "capacity comes first"
    await world.cycle(asked, after_seconds=120)
    assert world.api.environment() == {"UVICORN_WORKERS": "1", "WEB_CONCURRENCY": "1"}


async def test_requests_and_limits_are_divided_in_the_change_that_takes_the_workers(world: World) -> None:
    await moved(world, wish())

    assert container(world)["resources"] == DIVIDED
    assert [each.told for each in world.status().original_resources] == [
        "requests.cpu 1",
        "requests.memory 512Mi",
        "limits.memory 512Mi",
    ]
    await world.cycle(wish(), after_seconds=240)
    assert container(world)["resources"] == DIVIDED, "once"


async def test_unless_asked_they_stay_and_what_they_reserve_is_said(world: World) -> None:
    await world.cycle(wish("Keep"))
    said = world.condition("OneWorkerPerPod").message
    assert "with one worker each, 2 pods for each of now reserve 2 × requests.cpu 1 = 2.00 cores" in said
    assert "one process needs 125 MiB with a fifth free" in said

    await world.cycle(wish("Keep"), after_seconds=120)
    assert container(world)["resources"] == RESOURCES


async def test_what_the_operator_may_not_change_is_said_and_no_pod_is_added(world: World) -> None:
    world.reconciler.divides_resources = False

    await world.cycle(wish())

    assert world.replicas() == 2
    found = world.condition("OneWorkerPerPod")
    assert "the operator's settings do not permit it (workers.divideResources)" in found.message
    (workers,) = (each for each in world.status().considered if each.knob == "workers")
    assert [each.reason for each in workers.guards] == [Reason.RESOURCES_NOT_PERMITTED]


async def test_a_process_that_does_not_fit_keeps_its_workers(world: World) -> None:
    world.load.resident_bytes = 500.0 * MIB

    await world.cycle(wish("Keep"))

    assert world.replicas() == 2
    assert "one process needs 625 MiB with a fifth free; limits.memory is 512 MiB" in (
        world.condition("OneWorkerPerPod").message
    )


async def test_an_object_that_restores_gives_back_what_the_container_had(world: World) -> None:
    await moved(world, wish())

    await world.reconciler.let_go(wish())

    assert container(world)["resources"] == RESOURCES
    assert "UVICORN_WORKERS" not in world.api.environment()


async def test_what_somebody_else_set_since_is_theirs(world: World) -> None:
    await moved(world, wish())
    theirs = {"requests": {"cpu": "250m"}}
    container(world)["resources"] = theirs
    world.api.own_resources.clear()

    await world.reconciler.let_go(wish())

    assert container(world)["resources"] == theirs


async def test_one_that_keeps_leaves_the_shares(world: World) -> None:
    await moved(world, wish(on_delete="Keep"))

    await world.reconciler.let_go(wish(on_delete="Keep"))

    assert container(world)["resources"] == DIVIDED
