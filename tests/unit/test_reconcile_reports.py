"""What cycles say: status that is written when it is news, events once, refusals and pauses as conditions."""

from datetime import datetime, timedelta

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.api.tuning import PAUSED_UNTIL_ANNOTATION
from fastapi_tuning.api_server import Json
from fastapi_tuning.errors import PrometheusSilent, WriteRejected
from fastapi_tuning.observe.prometheus import Sample
from fastapi_tuning.report.events import EventType
from tests.unit.fakes.api_server import FakeApiServer
from tests.unit.fakes.world import CHECKOUT, NOW, World, tuning


async def test_an_unchanged_status_is_not_written_twice(world: World) -> None:
    world.load.requests_per_second = 500.0
    await world.cycle(tuning())
    await world.cycle(tuning(), after_seconds=15)

    assert len(world.api.statuses["checkout"]) == 1


async def test_a_history_that_grows_old_on_the_server_is_written(world: World) -> None:
    world.load.requests_per_second = 500.0
    await world.cycle(tuning())
    await world.cycle(tuning(), after_seconds=30)

    assert len(world.api.statuses["checkout"]) == 2


async def test_the_newest_history_counts_even_if_it_was_not_written(world: World) -> None:
    world.load.requests_per_second = 500.0
    await world.cycle(tuning())
    await world.cycle(tuning(), after_seconds=15)

    assert world.reconciler.newest_status(tuning()).history.last_observation_time == NOW + timedelta(seconds=15)
    await world.reconciler.let_go(tuning())
    assert world.reconciler.newest_status(tuning()) == tuning().status


async def test_a_knob_that_rests_where_it_should_be_is_no_news(world: World) -> None:
    world.load.requests_per_second = 500.0

    await world.cycle(tuning(mode="Recommend"))

    assert world.status().last_decision is None
    assert world.api.events == []


async def test_a_lost_prometheus_holds_everything_and_says_so_once(world: World) -> None:
    world.load.reachable = False
    for seconds in (0, 15, 30):
        await world.cycle(tuning(), after_seconds=seconds)

    assert world.api.changed == []
    assert world.condition("Ready").reason == Reason.PROMETHEUS_UNREACHABLE
    assert world.condition("ObjectiveMet").status == "Unknown"
    assert world.said() == [("Warning", Reason.PROMETHEUS_UNREACHABLE)]
    assert len(world.api.statuses["checkout"]) == 1


async def test_a_fallback_raises_the_replicas_says_so_and_ends_when_data_is_back(world: World) -> None:
    careful = tuning(fallback={"minReplicas": 5, "afterMissedCycles": 2})
    world.load.reachable = False
    for seconds in (0, 15, 30):
        await world.cycle(careful, after_seconds=seconds)

    assert world.replicas() == 5
    assert world.condition("Fallback").status == "True"
    assert "connection refused" in world.condition("Fallback").message
    assert ("Normal", Reason.FALLBACK) in world.said()

    world.load.reachable = True
    await world.cycle(careful, after_seconds=45)

    assert world.condition("Fallback").status == "False"
    assert world.replicas() == 5


async def test_an_outage_that_lasts_writes_no_status_each_cycle(world: World) -> None:
    careful = tuning(fallback={"minReplicas": 5, "afterMissedCycles": 2})
    world.load.reachable = False
    for seconds in range(0, 600, 15):
        await world.cycle(careful, after_seconds=seconds)

    assert len(world.api.statuses["checkout"]) <= 3


async def test_an_endpoint_that_the_settings_do_not_have_holds_that_object_only_and_is_named(world: World) -> None:
    elsewhere = tuning(metrics={"endpoint": "payments"})

    await world.cycle(elsewhere)

    assert world.api.changed == []
    assert world.condition("Ready").reason == Reason.ENDPOINT_UNKNOWN
    assert "no metrics endpoint payments; they have default" in world.condition("Ready").message


async def test_each_object_is_read_from_its_own_endpoint(world: World) -> None:
    asked: list[str] = []

    class Other:
        def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
            asked.append(promql)
            raise PrometheusSilent("down")

    world.reconciler.prometheus = {**world.reconciler.prometheus, "payments": Other()}

    await world.cycle(tuning(metrics={"endpoint": "payments"}))
    assert world.condition("Ready").reason == Reason.PROMETHEUS_UNREACHABLE
    assert asked

    asked.clear()
    await world.cycle(tuning(), after_seconds=15)
    assert world.condition("Ready").status == "True"
    assert asked == []


async def test_the_same_event_is_said_once_in_ten_minutes(world: World) -> None:
    recorder = world.reconciler.events
    for seconds in (0, 599, 600):
        await recorder.record(tuning(), EventType.WARNING, "Why", "because", NOW + timedelta(seconds=seconds))

    assert len(world.api.events) == 2


async def test_a_refused_event_or_status_stops_nothing(world: World) -> None:
    world.api.refuses_events = world.api.refuses_status = True
    await world.cycle(tuning())

    assert world.replicas() == 4
    world.api.refuses_status = False
    await world.cycle(tuning(), after_seconds=15)
    assert world.status().applied.replicas == 4, "what was not written is written later"


@pytest.mark.parametrize(
    "until",
    [
        pytest.param("2026-01-01T12:30:00Z", id="a time to come"),
        pytest.param("2026-01-01T14:30:00+02:00", id="in another zone"),
        pytest.param("next week", id="not a time"),
        pytest.param("2026-01-01T11:00:00", id="without a zone"),
    ],
)
async def test_an_annotation_pauses_acting_but_not_observing(world: World, until: str) -> None:
    await world.cycle(tuning(annotations={PAUSED_UNTIL_ANNOTATION: until}))

    assert world.api.changed == []
    decision = world.status().last_decision
    assert decision is not None
    assert decision.guard is Reason.PAUSED
    assert world.status().recommendation.settings.replicas == 4


async def test_a_pause_that_is_over_holds_nothing(world: World) -> None:
    await world.cycle(tuning(annotations={PAUSED_UNTIL_ANNOTATION: "2026-01-01T12:00:00Z"}))

    assert world.replicas() == 4


class ReadOnlyApiServer(FakeApiServer):
    def _scale(self, path: str, body: Json) -> Json:
        raise WriteRejected("the API server answered 403: forbidden")


async def test_a_refused_write_makes_the_object_unready_until_it_passes() -> None:
    world = World(api=ReadOnlyApiServer())
    world.api.add_deployment(replicas=2)

    await world.cycle(tuning())

    assert world.condition("Ready").reason == Reason.WRITE_FAILED
    assert "403" in world.condition("Ready").message
    assert world.condition("Stalled").status == "False"
    assert world.status().applied.replicas is None


async def test_workers_that_leave_no_room_for_pods_are_said_to_be_limited(world: World) -> None:
    container = world.api.deployments[CHECKOUT]["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "WEB_CONCURRENCY", "value": "6"}]

    await world.cycle(tuning(workers={"mode": "Enforce"}))

    assert world.condition("ScalingLimited").status == "True"
    assert "needs 12 pods, replicas.max is 10" in world.condition("ScalingLimited").message
    assert "needs 12 pods, replicas.max is 10" in world.condition("OneWorkerPerPod").message
    assert world.replicas() == 4, "the load gets its pods all the same"


async def test_a_pause_that_cannot_be_read_lasts_and_a_person_is_told(world: World) -> None:
    await world.cycle(tuning(annotations={PAUSED_UNTIL_ANNOTATION: "next week"}))

    assert world.replicas() == 2
    for kind, status in (("Ready", "False"), ("Stalled", "True")):
        assert (world.condition(kind).status, world.condition(kind).reason) == (status, Reason.PAUSED)
    assert "'next week' is no RFC 3339 time" in world.condition("Ready").message


async def test_what_limits_the_service_is_in_the_status_the_metrics_and_the_condition(world: World) -> None:
    await world.cycle(tuning(mode="Recommend"))

    found = world.status().diagnosis
    assert found.factor is world.status().limiting_factor is LimitingFactor.THREAD_POOL
    assert float(found.confidence) > 0
    assert found.evidence
    assert found.since == NOW
    labels = {"namespace": "shop", "name": "checkout", "factor": "ThreadPool"}
    assert world.registry.get_sample_value("fastapi_tuning_limiting_factor", labels) == float(found.confidence)


async def test_an_event_names_a_factor_once_it_stood_for_two_cycles_and_tells_when_it_is_gone(world: World) -> None:
    def told() -> list[str]:
        return [event["message"] for event in world.api.events if event["reason"] == Reason.LIMITING_FACTOR]

    recommending = tuning(mode="Recommend")
    await world.cycle(recommending)
    assert told() == []
    for cycle in (15, 30, 45):
        await world.cycle(recommending, after_seconds=cycle)
    assert len(told()) == 1
    assert told()[0].startswith("ThreadPool limits the service (before: None): ")

    world.load.requests_per_second = 100.0
    for cycle in range(60, 240, 15):
        await world.cycle(recommending, after_seconds=cycle)
    assert len(told()) == 2
    assert told()[1].startswith("nothing limits the service (before: ThreadPool): ")
    series = "fastapi_tuning_limiting_factor"
    assert world.registry.get_sample_value(series, {"namespace": "shop", "name": "checkout", "factor": "None"})
    gone = {"namespace": "shop", "name": "checkout", "factor": "ThreadPool"}
    assert world.registry.get_sample_value(series, gone) is None, "one series for an object"


async def test_pods_without_a_node_keep_more_from_being_asked_for_and_are_quoted(world: World) -> None:
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no node has room"}
    world.api.pods["shop"].append(
        {"metadata": {"name": "pending", "labels": {"app": "checkout"}}, "status": {"conditions": [refused]}}
    )

    await world.cycle(tuning())

    assert world.replicas() == 2
    assert "no node has room" in world.condition("ScalingLimited").message
    assert world.condition("ScalingLimited").reason == Reason.UNSCHEDULABLE
