"""Objects of two namespaces on one database, whole cycles against an API server in memory."""

from itertools import pairwise
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import Json
from fastapi_tuning.errors import TargetUnavailable
from tests.unit.fakes.api_server import DEPLOYMENTS, FakeApiServer
from tests.unit.fakes.world import NOW, World, readable, tuning

BASKET = DEPLOYMENTS.format("store", "basket")
MAIN = {"name": "main", "connectionsPerPod": 10, "maxConnections": 100}
STILL = {"rollingUpdate": {"maxSurge": 0}}


def basket(**spec: Any) -> FastAPITuning:
    """Another service, in another namespace."""
    own = tuning("basket", targetRef={"name": "basket"}, **{"database": MAIN, **spec})
    return own.model_copy(update={"namespace": "store"})


def checkout(**spec: Any) -> FastAPITuning:
    return tuning(**{"database": MAIN, **spec})


def shared(replicas: int, others: int, *, api: FakeApiServer | None = None) -> World:
    """900 requests/s on each: four pods are wanted."""
    made = World() if api is None else World(api=api)
    made.api.add_deployment(replicas=replicas)["spec"]["strategy"] = STILL
    made.api.add_deployment("basket", namespace="store", replicas=others)["spec"]["strategy"] = STILL
    return made


def pods_of_basket(world: World) -> int:
    return int(world.api.deployments[BASKET]["spec"]["replicas"])


async def test_pods_go_up_into_what_another_namespace_leaves_free() -> None:
    world = shared(2, 6)

    await world.reconciler.cycle([checkout()], [checkout(), basket()], NOW)

    assert world.replicas() == 3
    (considered,) = world.status().considered
    assert [answer.reason for answer in considered.guards] == [Reason.DATABASE_BUDGET]
    assert "80 of 97 connections of main are held by shop/checkout, store/basket" in considered.guards[0].message
    assert world.condition("ScalingLimited").reason == Reason.DATABASE_BUDGET
    share = world.status().database
    assert share is not None
    assert (share.cap_pods, share.wanted_pods, share.held_pods, share.used_connections) == (3, 4, 3, 90)


async def test_what_one_takes_the_next_one_in_the_same_cycle_does_not_take_again() -> None:
    world = shared(2, 6)
    world.load.requests_per_second = 2000.0

    await world.reconciler.cycle([checkout(), basket()], [checkout(), basket()], NOW)

    assert (world.replicas(), pods_of_basket(world)) == (3, 6)


async def test_the_pods_of_an_object_that_is_off_are_counted() -> None:
    world = shared(2, 7)

    await world.reconciler.cycle([checkout()], [checkout(), basket(mode="Off")], NOW)

    assert world.replicas() == 2


async def test_another_database_and_no_database_leave_one_alone() -> None:
    for theirs in ({**MAIN, "name": "other"}, None):
        world = shared(2, 7)
        await world.reconciler.cycle([checkout()], [checkout(), basket(database=theirs)], NOW)
        assert world.replicas() == 4


async def test_pods_that_end_are_counted_until_they_are_gone() -> None:
    world = shared(2, 4)
    for index in range(3):
        pod = world.api._pod(f"old-{index}", {"app": "basket"})
        world.api.pods["store"].append({**pod, "metadata": {**pod["metadata"], "deletionTimestamp": "now"}})

    await world.reconciler.cycle([checkout()], [checkout(), basket()], NOW)
    assert world.replicas() == 2

    world.api.pods["store"] = world.api.pods["store"][:4]
    await world.reconciler.cycle([checkout()], [checkout(), basket()], NOW)
    assert world.replicas() == 4


async def test_where_pods_exceed_the_budget_nothing_goes_up_and_the_condition_says_so() -> None:
    world = shared(2, 8)

    await world.reconciler.cycle([checkout()], [checkout(), basket()], NOW)

    assert world.replicas() == 2
    condition = world.condition("DatabaseWithinBudget")
    assert (condition.status, condition.reason) == ("False", Reason.DATABASE_OVERCOMMITTED)
    assert "100 of 97" in condition.message
    assert ("Warning", Reason.DATABASE_OVERCOMMITTED) in world.said()


async def test_of_differing_limits_the_smallest_holds_and_the_condition_says_so() -> None:
    world = shared(2, 4)

    await world.reconciler.cycle([checkout()], [checkout(), basket(database={**MAIN, "maxConnections": 73})], NOW)

    assert world.replicas() == 3
    assert world.condition("DatabaseWithinBudget").reason == Reason.DATABASE_LIMITS_DIFFER


async def test_two_objects_on_one_target_have_the_same_pods() -> None:
    world = shared(2, 5)
    twin = checkout().model_copy(update={"name": "twin", "uid": "uid-twin"})

    await world.reconciler.cycle([checkout()], [checkout(), twin, basket()], NOW)

    assert world.replicas() == 4


class Blind(FakeApiServer):
    """Cannot show one Deployment."""

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        if path == BASKET:
            raise TargetUnavailable("timeout")
        return await super().get(path, query)


@pytest.mark.parametrize(("held", "reached"), [(7, 2), (6, 3)])
async def test_what_cannot_be_read_counts_with_what_it_held_last(held: int, reached: int) -> None:
    world = shared(2, 1, api=Blind())
    share = {"name": "main", "capPods": 9, "fairPods": 5, "wantedPods": 1, "heldPods": held}
    numbers = {"budgetConnections": 97, "usedConnections": 90}
    body = {
        "metadata": {"namespace": "store", "name": "basket", "uid": "b", "creationTimestamp": NOW.isoformat()},
        "spec": {"targetRef": {"name": "basket"}, "mode": "Auto", "database": MAIN},
        "status": {"database": {**share, **numbers}},
    }

    await world.reconciler.cycle([checkout()], [checkout(), readable(body)], NOW)

    assert world.replicas() == reached


async def test_what_was_never_seen_may_be_as_large_as_its_spec_allows() -> None:
    world = shared(2, 1, api=Blind())

    await world.reconciler.cycle([checkout()], [checkout(), basket(replicas={"min": 1, "max": 7})], NOW)

    assert world.replicas() == 2


async def test_a_target_that_is_not_there_has_no_pods() -> None:
    world = shared(2, 7)
    del world.api.deployments[BASKET]

    await world.reconciler.cycle([checkout()], [checkout(), basket()], NOW)

    assert world.replicas() == 4


async def test_more_than_the_share_is_given_back_pod_by_pod_and_taken_once_it_is_free() -> None:
    world = shared(8, 1)
    world.load.requests_per_second = 3500.0
    known = [checkout(), basket()]
    reached: list[tuple[int, int]] = []
    for _ in range(60):
        await world.cycle(*known, after_seconds=15 * len(reached))
        reached.append((world.replicas(), pods_of_basket(world)))

    assert all(sum(pair) <= 9 for pair in reached)
    assert reached[7] == (8, 1), "two minutes of it first"
    assert reached[-1] == (5, 4)
    assert all(before[0] - after[0] <= 1 for before, after in pairwise(reached))
