"""Whole cycles through an autoscaler of the target's (spec.replicas.via): its bounds move, and the pods are its own."""

from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api_server import Json
from tests.unit.fakes.world import CHECKOUT, World, of_two_pods, tuning

HPA = "HorizontalPodAutoscaler"
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}


@pytest.fixture
def world() -> World:
    return of_two_pods()


def via(kind: str = HPA, **replicas: Any) -> dict[str, Any]:
    return {"min": 1, "max": 10, "via": kind, **replicas}


def add_hpa(world: World, name: str = "checkout", *, least: int | None = None, most: int = 10) -> Json:
    stated: dict[str, Any] = {} if least is None else {"minReplicas": least}
    return world.api.add_autoscaler(name, "checkout", maxReplicas=most, **stated)


def add_scaled_object(world: World, **spec: Any) -> Json:
    metadata = {"name": "checkout", "uid": "s", "resourceVersion": "1"}
    made: Json = {"metadata": metadata, "spec": {"scaleTargetRef": {"name": "checkout"}, **spec}}
    world.api.controllers["scaledobjects"] = [made]
    return made


def states(scaler: Json, manager: str, *fields: str) -> None:
    """As a controller that applies the fields again and again."""
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {f"f:{each}": {} for each in fields}}}
    scaler["metadata"].setdefault("managedFields", []).append(entry)


def follow(world: World, scaler: Json, wish: int = 1, fields: tuple[str, str] = ("minReplicas", "maxReplicas")) -> None:
    """What the autoscaler makes of its bounds, by its own metrics wanting `wish` pods."""
    least, most = (scaler["spec"].get(field) for field in fields)
    deployment = world.api.deployments[CHECKOUT]
    deployment["spec"]["replicas"] = max(least or 1, min(wish, most or 100))
    world.api._touch(CHECKOUT, deployment)
    world.api.changed.pop()


def bounds(scaler: Json) -> tuple[int | None, int | None]:
    return scaler["spec"].get("minReplicas"), scaler["spec"].get("maxReplicas")


async def test_the_need_becomes_the_minimum_and_the_replicas_are_left_alone(world: World) -> None:
    hpa = add_hpa(world)

    await world.cycle(tuning(replicas=via()))

    assert bounds(hpa) == (4, 10)
    assert world.replicas() == 2, "the autoscaler makes them"
    assert (world.condition("NoConflict").status, world.condition("Ready").status) == ("True", "True")
    assert world.status().applied.replicas == 4
    assert world.status().current.max_replicas == 10


async def test_the_autoscaler_may_add_and_may_not_go_below_the_need(world: World) -> None:
    hpa = add_hpa(world)
    await world.cycle(tuning(replicas=via()))
    follow(world, hpa, wish=7)

    for seconds in (15, 30, 300):
        await world.cycle(tuning(replicas=via()), after_seconds=seconds)
        assert bounds(hpa) == (4, 10)
        assert world.condition("NoConflict").status == "True", "its moves are nobody's who is in the way"


async def test_a_maximum_below_the_need_rises_and_one_above_the_spec_s_falls(world: World) -> None:
    low = add_hpa(world, most=3)
    await world.cycle(tuning(replicas=via()))
    assert bounds(low) == (4, 4)

    world.api.autoscalers.clear()
    high = add_hpa(world, "other", most=50)
    await world.cycle(tuning(replicas=via()), after_seconds=15)
    assert bounds(high) == (4, 10)


async def test_in_mode_recommend_it_is_said_and_not_done(world: World) -> None:
    hpa = add_hpa(world, most=3)

    await world.cycle(tuning(mode="Recommend", replicas=via()))

    assert bounds(hpa) == (None, 3)
    assert world.status().recommendation.settings.replicas == 4
    assert world.status().recommendation.settings.max_replicas == 3
    assert world.status().autoscaler is None


async def test_a_write_that_somebody_else_s_came_before_is_decided_anew(world: World) -> None:
    hpa = add_hpa(world)
    stale = {**hpa, "metadata": {**hpa["metadata"], "resourceVersion": "0"}}
    read = world.api.get

    async def late(path: str, query: dict[str, str] | None = None) -> Json:
        return {"items": [stale]} if path.endswith("horizontalpodautoscalers") else await read(path, query)

    world.api.get = late  # type: ignore[method-assign]
    await world.cycle(tuning(replicas=via()))
    assert bounds(hpa) == (None, 10)
    assert world.condition("Ready").status == "True"
    assert world.status().applied.replicas is None

    world.api.get = read  # type: ignore[method-assign]
    await world.cycle(tuning(replicas=via()), after_seconds=15)
    assert bounds(hpa) == (4, 10)


@pytest.mark.parametrize("names", [(), ("a", "b")])
async def test_without_exactly_one_autoscaler_of_the_kind_replicas_stay_and_it_is_said(
    world: World, names: tuple[str, ...]
) -> None:
    for name in names:
        add_hpa(world, name)

    await world.cycle(tuning(replicas=via()))

    assert world.api.changed == []
    stalled = world.condition("Stalled")
    assert (stalled.status, stalled.reason) == ("True", Reason.AUTOSCALER_NOT_FOUND)
    there = ", ".join(names) or "none"
    assert f"the one {HPA} of Deployment checkout that spec.replicas.via names; there is: {there}" in stalled.message
    assert world.condition("Ready").status == "False"


async def test_an_autoscaler_that_keda_made_is_keda_s(world: World) -> None:
    hpa = add_hpa(world)
    hpa["metadata"]["ownerReferences"] = [{"kind": "ScaledObject", "name": "checkout"}]

    await world.cycle(tuning(replicas=via()))
    assert bounds(hpa) == (None, 10)
    assert world.condition("Stalled").reason == Reason.AUTOSCALER_NOT_FOUND

    scaled = add_scaled_object(world)
    await world.cycle(tuning(replicas=via("ScaledObject")), after_seconds=600)
    assert (scaled["spec"]["minReplicaCount"], scaled["spec"]["maxReplicaCount"]) == (4, 10)
    assert bounds(hpa) == (None, 10)
    assert world.condition("NoConflict").status == "True"


async def test_an_autoscaler_of_another_kind_has_the_replicas_as_ever(world: World) -> None:
    hpa = add_hpa(world)
    add_scaled_object(world)

    await world.cycle(tuning(replicas=via()))

    assert bounds(hpa) == (None, 10)
    assert world.condition("NoConflict").reason == Reason.ANOTHER_AUTOSCALER


async def test_scaled_objects_that_are_driven_are_written_cycle_after_cycle(world: World) -> None:
    scaled = add_scaled_object(world, maxReplicaCount=20)
    slow = via("ScaledObject", scaleDown={"stabilizationSeconds": 0, "periodSeconds": 15})
    await world.cycle(tuning(replicas=slow))
    follow(world, scaled, fields=("minReplicaCount", "maxReplicaCount"))
    world.load.requests_per_second = 1900.0

    await world.cycle(tuning(replicas=slow), after_seconds=15)

    assert scaled["spec"]["minReplicaCount"] > 4


async def test_a_minimum_that_git_states_is_git_s_and_one_that_it_leaves_out_is_ours(world: World) -> None:
    hpa = add_hpa(world, least=2)
    states(hpa, "argocd-controller", "minReplicas", "maxReplicas")

    await world.cycle(tuning(replicas=via()))
    assert bounds(hpa) == (2, 10)
    assert world.condition("NoConflict").message == (
        "spec.minReplicas of HorizontalPodAutoscaler checkout is owned by argocd-controller (Apply): replicas held"
    )

    hpa["metadata"]["managedFields"] = []
    states(hpa, "argocd-controller", "maxReplicas")
    await world.cycle(tuning(replicas=via()), after_seconds=15)
    assert bounds(hpa) == (4, 10)
    assert world.condition("NoConflict").status == "True"


async def test_a_maximum_that_git_states_is_the_limit(world: World) -> None:
    hpa = add_hpa(world, most=3)
    states(hpa, "argocd-controller", "maxReplicas")

    await world.cycle(tuning(replicas=via()))

    assert bounds(hpa) == (3, 3)
    limited = world.condition("ScalingLimited")
    assert (limited.status, limited.reason) == ("True", Reason.FIELD_CONFLICT)


async def test_git_that_states_the_replicas_is_in_the_autoscaler_s_way_and_not_in_ours(world: World) -> None:
    fields: Json = {"f:spec": {"f:replicas": {}}}
    entry = {"manager": "argocd-controller", "operation": "Apply", "fieldsV1": fields}
    world.api.deployments[CHECKOUT]["metadata"]["managedFields"] = [entry]
    hpa = add_hpa(world)

    await world.cycle(tuning(replicas=via()))

    assert bounds(hpa) == (4, 10)


async def test_a_person_s_minimum_stays_for_one_window(world: World) -> None:
    hpa = add_hpa(world)
    await world.cycle(tuning(replicas=via()))
    follow(world, hpa)
    hpa["spec"]["minReplicas"] = 3
    fields: Json = {"f:spec": {"f:minReplicas": {}}}
    hpa["metadata"]["managedFields"] = [{"manager": "kubectl-edit", "operation": "Update", "fieldsV1": fields}]

    await world.cycle(tuning(replicas=via()), after_seconds=15)
    assert bounds(hpa) == (3, 10)
    assert "spec.minReplicas of HorizontalPodAutoscaler checkout (3) is owned by kubectl-edit" in (
        world.condition("NoConflict").message
    )

    await world.cycle(tuning(replicas=via()), after_seconds=135)
    assert bounds(hpa) == (4, 10)


async def test_a_pause_leaves_the_bounds_as_they_are(world: World) -> None:
    hpa = add_hpa(world, most=50)

    await world.cycle(tuning(replicas=via(), suspend=True))

    assert bounds(hpa) == (None, 50)


async def test_without_data_the_fallback_is_the_minimum(world: World) -> None:
    hpa = add_hpa(world, most=2)
    world.load.reachable = False
    wish = tuning(replicas=via(), fallback={"minReplicas": 5, "afterMissedCycles": 2})

    await world.cycle(wish)
    assert bounds(hpa) == (None, 2)
    await world.cycle(wish, after_seconds=15)
    assert bounds(hpa) == (5, 5)


async def test_an_object_that_restores_gives_the_bounds_back_and_does_not_scale(world: World) -> None:
    hpa = add_hpa(world, most=3)
    wish = tuning(replicas=via(), onDelete="Restore")
    await world.cycle(wish)
    assert bounds(hpa) == (4, 4)

    await world.reconciler.let_go(wish)

    assert bounds(hpa) == (None, 3)
    assert world.replicas() == 2


async def test_one_that_keeps_leaves_them(world: World) -> None:
    hpa = add_hpa(world, most=3)
    await world.cycle(tuning(replicas=via()))

    await world.reconciler.let_go(tuning(replicas=via()))

    assert bounds(hpa) == (4, 4)


async def test_a_restart_of_the_operator_forgets_no_bound_of_the_user_s(world: World) -> None:
    hpa = add_hpa(world, most=3)
    wish = tuning(replicas=via(), onDelete="Restore")
    await world.cycle(wish)

    reborn = World(api=world.api)
    await reborn.reconciler.let_go(wish.model_copy(update={"status": world.status()}))

    assert bounds(hpa) == (None, 3)


async def test_an_autoscaler_that_is_gone_needs_nothing_back(world: World) -> None:
    add_hpa(world)
    wish = tuning(replicas=via(), onDelete="Restore")
    await world.cycle(wish)
    world.api.autoscalers.clear()
    changed = list(world.api.changed)

    await world.reconciler.let_go(wish)

    assert world.api.changed == changed
