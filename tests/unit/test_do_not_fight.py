"""Whole cycles beside others who move the same things: each holds its own knob, and it is said once."""

from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.tuning import PAUSED_DIRECTION_ANNOTATION, PAUSED_UNTIL_ANNOTATION
from fastapi_tuning.api_server import Json
from tests.unit.fakes.world import CHECKOUT, KEEP_ALIVE, World, of_two_pods, tuning

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}


@pytest.fixture
def world() -> World:
    return of_two_pods()


def managed(world: World, *entries: Json) -> None:
    """The rest of what the Deployment's managedFields would hold plays no part here."""
    world.api.deployments[CHECKOUT]["metadata"]["managedFields"] = list(entries)


def replicas_of(manager: str, operation: str) -> Json:
    fields: Json = {"f:spec": {"f:replicas": {}}}
    return {"manager": manager, "operation": operation, "time": "2026-01-01T11:00:00Z", "fieldsV1": fields}


def scaled_by_hand(world: World, replicas: int) -> None:
    deployment = world.api.deployments[CHECKOUT]
    deployment["spec"]["replicas"] = replicas
    world.api._touch(CHECKOUT, deployment)
    managed(world, replicas_of("kubectl", "Update"))


async def test_peace_is_said_too(world: World) -> None:
    await world.cycle(tuning())

    assert (world.condition("NoConflict").status, world.condition("NoConflict").reason) == ("True", Reason.NO_CONFLICT)
    assert (world.condition("Frozen").status, world.condition("Frozen").reason) == ("False", Reason.TUNING)
    assert world.status().conflicts == ()
    assert len(world.status().conditions) <= 16


async def test_gitops_that_states_the_replicas_keeps_them_and_settings_go_on(world: World) -> None:
    managed(world, replicas_of("argocd-controller", "Apply"))

    await world.cycle(tuning(uvicorn=KEEP_ALIVE))
    await world.cycle(tuning(uvicorn=KEEP_ALIVE), after_seconds=15)

    assert world.replicas() == 2
    assert world.api.environment()["UVICORN_TIMEOUT_KEEP_ALIVE"] == "30"
    found = world.condition("NoConflict")
    assert (found.status, found.reason) == ("False", Reason.FIELD_CONFLICT)
    assert "spec.replicas is owned by argocd-controller (Apply)" in found.message
    (conflict,) = world.status().conflicts
    assert (conflict.knob, conflict.field, conflict.owner) == ("replicas", "spec.replicas", "argocd-controller (Apply)")
    assert world.condition("ScalingLimited").reason == Reason.FIELD_CONFLICT
    assert world.condition("Ready").status == "True"
    assert world.said().count(("Warning", Reason.FIELD_CONFLICT)) == 1


async def test_replicas_that_the_user_told_gitops_to_leave_alone_are_taken(world: World) -> None:
    managed(world, replicas_of("argocd-controller", "Apply"))

    await world.cycle(tuning(replicas={"min": 1, "max": 10, "conflictPolicy": "Take"}))

    assert world.replicas() == 4
    assert world.condition("NoConflict").status == "True"


async def test_a_person_s_replicas_stay_for_one_window_and_the_law_goes_on_from_there(world: World) -> None:
    slow = {"min": 1, "max": 10, "scaleDown": {"stabilizationSeconds": 60}}
    await world.cycle(tuning(replicas=slow))
    assert world.replicas() == 4
    scaled_by_hand(world, 3)

    for seconds in (15, 30, 45, 60):
        await world.cycle(tuning(replicas=slow), after_seconds=seconds)
        assert world.replicas() == 3
        found = world.condition("NoConflict")
        assert (found.status, found.reason) == ("False", Reason.MOVED_BY_OTHERS)
        assert "spec.replicas (3) is owned by kubectl (Update), until 2026-01-01T12:01:15+00:00" in found.message
        assert world.condition("Stalled").status == "False", "nobody has to do anything"
    assert world.said().count(("Warning", Reason.MOVED_BY_OTHERS)) == 1

    await world.cycle(tuning(replicas=slow), after_seconds=75)
    assert world.replicas() == 4
    assert world.condition("NoConflict").status == "True"


async def test_a_deployment_that_resets_the_replicas_does_not_leave_the_load_with_them(world: World) -> None:
    await world.cycle(tuning())
    scaled_by_hand(world, 1)
    managed(world, replicas_of("kubectl-client-side-apply", "Update"))

    await world.cycle(tuning(), after_seconds=15)

    assert world.replicas() > 1
    assert "spec.replicas (1) is owned by kubectl-client-side-apply (Update)" in world.condition("NoConflict").message


async def test_a_restart_of_the_operator_forgets_no_person(world: World) -> None:
    await world.cycle(tuning())
    scaled_by_hand(world, 3)
    await world.cycle(tuning(), after_seconds=15)

    reborn = World(api=world.api)
    stored = tuning().model_copy(update={"status": world.status()})
    await reborn.cycle(stored, after_seconds=30)

    assert world.replicas() == 3
    assert reborn.condition("NoConflict").reason == Reason.MOVED_BY_OTHERS


async def test_a_new_owner_of_another_kind_is_said_anew(world: World) -> None:
    managed(world, replicas_of("argocd-controller", "Apply"))
    await world.cycle(tuning())
    managed(world)
    world.api.add_autoscaler("hpa", "checkout")
    await world.cycle(tuning(), after_seconds=15)

    of_owners = (Reason.FIELD_CONFLICT, Reason.ANOTHER_AUTOSCALER)
    assert [reason for kind, reason in world.said() if kind == "Warning" and reason in of_owners] == list(of_owners)


@pytest.mark.parametrize(
    ("kind", "body", "owner"),
    [
        ("scaledobjects", {"scaleTargetRef": {"name": "checkout"}}, "ScaledObject x"),
        ("rollouts", {"workloadRef": TARGET}, "Rollout x"),
        ("canaries", {"targetRef": TARGET}, "Canary x"),
    ],
)
async def test_what_other_controllers_have_is_theirs(world: World, kind: str, body: Json, owner: str) -> None:
    world.api.controllers[kind] = [{"metadata": {"name": "x"}, "spec": body}]

    await world.cycle(tuning())

    assert world.api.changed == []
    assert f"owned by {owner}" in world.condition("NoConflict").message


async def test_a_vertical_autoscaler_is_told_and_in_nobody_s_way(world: World) -> None:
    vertical = {"targetRef": TARGET, "updatePolicy": {"updateMode": "Recreate"}}
    world.api.controllers["verticalpodautoscalers"] = [{"metadata": {"name": "vpa"}, "spec": vertical}]
    for pod in world.api.pods["shop"]:
        pod["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "500m"}}

    await world.cycle(tuning(mode="Recommend"))

    found = world.condition("NoConflict")
    assert found.status == "True"
    assert "VerticalPodAutoscaler vpa (Recreate), which holds nothing" in found.message
    assert world.status().history.learned.cpu_limit_cores == "0.5"


async def test_what_was_learned_of_pods_of_another_size_is_void(world: World) -> None:
    world.api.controllers["verticalpodautoscalers"] = [{"metadata": {"name": "vpa"}, "spec": {"targetRef": TARGET}}]
    learned = []
    for seconds, limit in ((0, "1"), (15, "1050m"), (30, "2")):
        for pod in world.api.pods["shop"]:
            pod["spec"]["containers"][0]["resources"] = {"limits": {"cpu": limit}}
        await world.cycle(tuning(mode="Recommend"), after_seconds=seconds)
        learned.append(world.status().history.learned.cpu_limit_cores)

    assert learned == ["1", "1", "2"], "a twentieth is no other pod, twice as much is"


@pytest.mark.parametrize("direction", ["scale-in", "scale-out"])
async def test_a_pause_of_one_direction_holds_that_one(world: World, direction: str) -> None:
    annotations = {PAUSED_UNTIL_ANNOTATION: "2026-01-01T13:00:00Z", PAUSED_DIRECTION_ANNOTATION: direction}

    await world.cycle(tuning(annotations=annotations))

    assert world.replicas() == (4 if direction == "scale-in" else 2)
    frozen = world.condition("Frozen")
    assert (frozen.status, frozen.reason) == ("True", Reason.PAUSED)
    assert "until 2026-01-01T13:00:00+00:00" in frozen.message


async def test_an_unknown_direction_pauses_everything_and_needs_a_person(world: World) -> None:
    annotations = {PAUSED_UNTIL_ANNOTATION: "2026-01-01T13:00:00Z", PAUSED_DIRECTION_ANNOTATION: "down"}

    await world.cycle(tuning(annotations=annotations))

    assert world.replicas() == 2
    assert "none of both, scale-in, scale-out" in world.condition("Stalled").message


async def test_a_freeze_window_holds_everything_and_says_until_when(world: World) -> None:
    window: dict[str, Any] = {"schedule": "30 11 * * *", "durationMinutes": 31}

    await world.cycle(tuning(freezeWindows=[window], uvicorn=KEEP_ALIVE))
    assert world.api.changed == []
    frozen = world.condition("Frozen")
    assert (frozen.status, frozen.reason) == ("True", Reason.FREEZE_WINDOW)
    assert "until 2026-01-01T12:01:00+00:00" in frozen.message
    decision = world.status().last_decision
    assert decision is not None
    assert decision.guard is Reason.FREEZE_WINDOW

    await world.cycle(tuning(freezeWindows=[window], uvicorn=KEEP_ALIVE), after_seconds=60)
    assert world.replicas() == 4
    assert world.condition("Frozen").status == "False"
