"""A whole cycle against an API server in memory: what is read, decided, written and said."""

from datetime import timedelta

from prometheus_client import generate_latest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api_server import Json, PatchType
from fastapi_tuning.errors import TargetUnavailable
from tests.unit.fakes.api_server import FakeApiServer
from tests.unit.fakes.world import CHECKOUT, KEEP_ALIVE, NOW, World, tuning


async def test_a_move_of_replicas_is_written_reported_and_remembered(world: World) -> None:
    await world.cycle(tuning())

    assert world.replicas() == 4
    status = world.status()
    assert status.applied.replicas == 4
    assert status.original.replicas == 2
    assert status.history.last_scale_up_time == NOW
    assert status.last_decision is not None
    assert (status.last_decision.from_value, status.last_decision.to_value) == ("2", "4")
    assert world.said() == [("Normal", Reason.PANIC)], "half as much again as two pods carry"
    assert world.condition("Ready").status == "True"


async def test_the_original_count_is_that_of_before_the_first_move(world: World) -> None:
    await world.cycle(tuning())
    world.load.requests_per_second = 1800.0
    await world.cycle(tuning(), after_seconds=60)

    assert world.status().original.replicas == 2
    assert world.status().applied.replicas == world.replicas() > 4


async def test_nothing_goes_down_after_a_restart_before_this_process_has_watched_for_a_window(world: World) -> None:
    """The status says that somebody watched for two hours, and that was not this process."""
    world.load.requests_per_second = 100.0
    for seconds in range(0, 120, 15):
        await world.cycle(tuning(), after_seconds=seconds)
        assert world.replicas() == 2

    assert world.status().history.observed_since == NOW


async def test_a_step_down_is_remembered_as_one(world: World) -> None:
    world.load.requests_per_second = 100.0
    for seconds in range(0, 135, 15):
        await world.cycle(tuning(), after_seconds=seconds)

    assert world.replicas() == 1
    assert world.status().history.last_scale_down_time == NOW + timedelta(seconds=120)
    assert world.status().history.last_scale_up_time is None


async def test_an_event_tells_a_move_from_a_refusal_to_move(world: World) -> None:
    world.api.add_deployment("other", replicas=5)
    await world.cycle(tuning())
    await world.cycle(tuning("other", targetRef={"name": "other"}, suspend=True))

    moved, refused = (event["message"] for event in world.api.events)
    assert moved.startswith("replicas 2 → 4: ")
    assert refused.startswith("replicas stays 5: ")


class RacingApiServer(FakeApiServer):
    """Somebody else scales between our read and our write, once."""

    async def patch(self, path: str, body: Json, patch_type: PatchType) -> Json:
        if path.endswith("/scale") and not self.changed:
            self.deployments[CHECKOUT]["spec"]["replicas"] = 3
            self._touch(CHECKOUT, self.deployments[CHECKOUT])
        return await super().patch(path, body, patch_type)


async def test_a_target_that_somebody_else_changed_is_left_alone_and_decided_anew() -> None:
    world = World(api=RacingApiServer())
    world.api.add_deployment(replicas=2)

    await world.cycle(tuning())

    assert world.replicas() == 3
    status = world.status()
    assert status.applied.replicas is None
    assert status.history.last_scale_up_time is None
    assert status.last_decision is not None
    assert status.last_decision.guard is Reason.CONFLICT
    assert ("Warning", Reason.CONFLICT) in world.said()
    assert world.condition("Ready").status == "True", "nothing is wrong, the next cycle tries again"

    await world.cycle(tuning(), after_seconds=15)
    assert world.replicas() == 3
    await world.cycle(tuning(), after_seconds=135)
    assert world.replicas() == 4, "after one stabilisation window"


async def test_recommend_writes_nothing_but_status_and_events(world: World) -> None:
    await world.cycle(tuning(mode="Recommend"))

    assert world.api.changed == []
    assert world.replicas() == 2
    recommended = world.status().recommendation.replicas
    assert recommended is not None
    assert recommended.target == 4
    assert world.status().applied.replicas is None


async def test_an_object_that_is_off_is_not_even_read_and_says_so_once(world: World) -> None:
    world.api.deployments.clear()

    for seconds in (0, 15, 60):
        await world.cycle(tuning(mode="Off"), after_seconds=seconds)

    assert len(world.api.statuses["checkout"]) == 1
    assert (world.condition("Ready").status, world.condition("Ready").reason) == ("False", Reason.MODE_OFF)
    assert world.api.events == []


async def test_an_object_that_is_switched_off_stops_showing_what_it_saw(world: World) -> None:
    await world.cycle(tuning(mode="Recommend"))
    assert world.status().latency
    assert "fastapi_tuning_offered_requests_per_second{" in generate_latest(world.registry).decode()
    await world.cycle(tuning(mode="Off"), after_seconds=15)

    assert world.condition("Ready").reason == Reason.MODE_OFF
    assert {each.status for each in world.status().conditions if each.type != "Ready"} == {"Unknown"}
    assert world.status().latency == ""
    assert "fastapi_tuning_offered_requests_per_second{" not in generate_latest(world.registry).decode()
    await world.cycle(tuning(mode="Recommend"), after_seconds=30)
    assert world.condition("Ready").status == "True"


async def test_of_two_objects_on_one_target_only_the_older_acts(world: World) -> None:
    elder = tuning("elder")
    younger = tuning("younger", created=NOW, replicas={"min": 9, "max": 10})

    await world.cycle(younger, elder)

    assert world.replicas() == 4
    assert world.status("elder").applied.replicas == 4
    assert world.status("younger").applied.replicas is None
    limited = world.condition("ScalingLimited", "younger")
    assert (limited.status, limited.reason) == ("True", Reason.DUPLICATE_TARGET)
    assert "elder" in limited.message


async def test_a_target_that_is_gone_needs_a_person(world: World) -> None:
    world.api.deployments.clear()

    await world.cycle(tuning())

    for kind, status in (("Ready", "False"), ("Stalled", "True"), ("MetricsAvailable", "Unknown")):
        assert (world.condition(kind).status, world.condition(kind).reason) == (status, Reason.TARGET_NOT_FOUND)
    assert world.said() == [("Warning", Reason.TARGET_NOT_FOUND)]
    failures = world.registry.get_sample_value("fastapi_tuning_cycle_failures_total", {"reason": "TargetNotFound"})
    assert failures == 1


async def test_a_target_that_is_gone_ends_the_cycle_of_its_own_object_only(world: World) -> None:
    await world.cycle(tuning("lost", targetRef={"name": "missing"}), tuning())

    assert world.condition("Ready", "lost").reason == Reason.TARGET_NOT_FOUND
    assert world.replicas() == 4


async def test_a_container_that_is_missing_needs_a_person(world: World) -> None:
    await world.cycle(tuning(targetRef={"name": "checkout", "containerName": "api"}))

    stalled = world.condition("Stalled")
    assert (stalled.status, stalled.reason) == ("True", Reason.CONTAINER_NOT_FOUND)
    assert "app" in stalled.message, "says which containers there are"
    assert world.replicas() == 2


class SilentApiServer(FakeApiServer):
    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        raise TargetUnavailable("timed out")


async def test_an_api_server_that_does_not_answer_needs_no_person() -> None:
    world = World(api=SilentApiServer())

    await world.cycle(tuning())

    assert world.condition("Ready").reason == Reason.TARGET_NOT_READY
    assert world.condition("Stalled").status == "False"


async def test_replicas_of_a_horizontal_pod_autoscaler_are_not_written(world: World) -> None:
    world.api.add_autoscaler("checkout-hpa", "checkout")

    await world.cycle(tuning())

    assert world.api.changed == []
    assert world.condition("ScalingLimited").reason == Reason.ANOTHER_AUTOSCALER


async def test_an_autoscaler_of_another_target_is_no_concern(world: World) -> None:
    world.api.add_autoscaler("other-hpa", "other")

    await world.cycle(tuning())

    assert world.replicas() == 4


async def test_the_load_of_neighbours_does_not_scale_a_target_that_selects_by_expression(world: World) -> None:
    tiny = world.api.add_deployment("tiny", replicas=1)
    tiny["spec"]["selector"] = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["tiny"]}]}
    world.api.pods["shop"] = [pod for pod in world.api.pods["shop"] if pod["metadata"]["labels"] != {"app": "tiny"}]

    await world.cycle(tuning("tiny", targetRef={"name": "tiny"}))

    assert world.api.changed == []
    assert world.condition("Ready", "tiny").reason == Reason.TARGET_NOT_READY


async def test_a_target_that_selects_every_pod_needs_a_person(world: World) -> None:
    world.api.deployments[CHECKOUT]["spec"]["selector"] = {}

    await world.cycle(tuning())

    stalled = world.condition("Stalled")
    assert (stalled.status, stalled.reason) == ("True", Reason.TARGET_NOT_UNDERSTOOD)
    assert world.api.changed == []


async def test_a_setting_is_applied_to_the_template_and_remembered_as_ours(world: World) -> None:
    await world.cycle(tuning(uvicorn=KEEP_ALIVE))

    assert world.api.environment()["UVICORN_TIMEOUT_KEEP_ALIVE"] == "30"
    assert world.status().applied.timeout_keep_alive_seconds == 30
    assert world.status().history.last_rollout_time == NOW


async def test_settings_applied_before_stay_ours_with_the_next_one(world: World) -> None:
    await world.cycle(tuning(uvicorn=KEEP_ALIVE))
    both = {**KEEP_ALIVE, "limitMaxRequests": {"mode": "Auto", "requests": 5000}}
    await world.cycle(tuning(uvicorn=both), after_seconds=3600)

    environment = world.api.environment()
    assert environment["UVICORN_TIMEOUT_KEEP_ALIVE"] == "30"
    assert environment["UVICORN_LIMIT_MAX_REQUESTS"] == "5000"


async def test_a_field_that_somebody_else_owns_is_named_and_needs_a_person(world: World) -> None:
    variable = "UVICORN_TIMEOUT_KEEP_ALIVE"
    container = world.api.deployments[CHECKOUT]["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": variable, "value": "75"}]
    world.api.owners[CHECKOUT, variable] = "helm"

    await world.cycle(tuning(uvicorn=KEEP_ALIVE))

    assert world.api.environment() == {variable: "75"}
    for kind, status in (("Ready", "False"), ("Stalled", "True")):
        found = world.condition(kind)
        assert (found.status, found.reason) == (status, Reason.FIELD_CONFLICT)
        assert variable in found.message
        assert "helm" in found.message
    assert ("Warning", Reason.FIELD_CONFLICT) in world.said()
    assert world.status().applied.timeout_keep_alive_seconds is None
    assert world.replicas() == 4, "the other move is its own write"


async def test_workers_become_pods_and_then_one(world: World) -> None:
    container = world.api.deployments[CHECKOUT]["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "WEB_CONCURRENCY", "value": "2"}]
    world.load.requests_per_second = 500.0
    one = tuning(workers={"mode": "Enforce"})

    await world.cycle(one)
    assert world.replicas() == 4
    assert world.condition("OneWorkerPerPod").status == "False"
    for seconds in (60, 120):
        await world.cycle(one, after_seconds=seconds)

    assert world.api.environment() == {"UVICORN_WORKERS": "1", "WEB_CONCURRENCY": "1"}
    assert world.status().history.pods_for_one_worker is None
