"""An object that cannot be read, from the watch to its status."""

from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from fastapi_tuning.api.tuning import StoredTuning
from fastapi_tuning.handlers.cache import TuningCache
from fastapi_tuning.handlers.loop import ControlLoop
from fastapi_tuning.live_path import LivePath
from fastapi_tuning.observe.controllers import ControllerReader
from fastapi_tuning.observe.prometheus import Sample
from fastapi_tuning.reconcile import Reconciler
from fastapi_tuning.report.events import EventRecorder
from fastapi_tuning.report.metrics import OperatorMetrics
from tests.unit.fakes.api_server import FakeApiServer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class SilentPrometheus:
    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        raise AssertionError(f"nothing is to be asked: {promql}")


class Operator:
    """Cache, loop and reconciler as the process wires them, on a clock of the test."""

    def __init__(self) -> None:
        self.api = FakeApiServer()
        self.gone: list[StoredTuning] = []
        self.cache = TuningCache(on_gone=self.gone.append)
        metrics = OperatorMetrics(CollectorRegistry())
        reconciler = Reconciler(
            api=self.api,
            prometheus={"default": SilentPrometheus()},
            events=EventRecorder(api=self.api),
            metrics=metrics,
            controllers=ControllerReader(self.api),
            live_path=LivePath(api=self.api, metrics=metrics, enabled=False, injecting=False),
        )
        self.seconds = 0.0
        self.loop = ControlLoop(
            api=self.api,
            cache=self.cache,
            reconciler=reconciler,
            now=lambda: NOON + timedelta(seconds=self.seconds),
        )

    async def tick(self, seconds: float) -> None:
        self.seconds = seconds
        await self.loop.tick(seconds)


def body(uid: str = "uid-1", **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": "checkout", "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": metadata, "spec": {"targetRef": {"name": "checkout"}, **spec}}


async def test_it_is_stalled_with_the_field_that_is_wrong_and_an_event() -> None:
    operator = Operator()
    operator.cache.seen(body(mode="Dream"))

    await operator.tick(1.0)

    conditions = {entry["type"]: entry for entry in operator.api.statuses["checkout"][-1]["conditions"]}
    assert (conditions["Stalled"]["status"], conditions["Stalled"]["reason"]) == ("True", "InvalidSpec")
    assert "spec.mode" in conditions["Ready"]["message"]
    assert conditions["Ready"]["lastTransitionTime"] == "2026-01-01T12:00:01Z"
    assert [(event["type"], event["reason"]) for event in operator.api.events] == [("Warning", "InvalidSpec")]


async def test_it_is_said_once_and_not_every_interval() -> None:
    operator = Operator()
    operator.cache.seen(body(mode="Dream"))
    for seconds in (1.0, 2.0, 17.0, 33.0):
        await operator.tick(seconds)

    assert len(operator.api.statuses["checkout"]) == 1
    assert len(operator.api.events) == 1


async def test_a_valid_object_that_becomes_unreadable_is_not_acted_on_any_more() -> None:
    operator = Operator()
    operator.cache.seen(body())
    operator.cache.seen(body(mode="Dream"))

    await operator.tick(1.0)

    assert operator.cache.tunings == ()
    assert operator.api.changed == []


async def test_a_mended_object_is_read_again() -> None:
    operator = Operator()
    operator.cache.seen(body(mode="Dream"))
    operator.cache.seen(body())

    assert operator.cache.unreadable == ()
    assert [tuning.name for tuning in operator.cache.tunings] == ["checkout"]


async def test_a_successor_of_the_same_name_is_another_object() -> None:
    operator = Operator()
    operator.cache.seen(body(uid="old", mode="Dream"))
    operator.cache.seen(body(uid="new"))

    assert [each.uid for each in operator.gone] == ["old"]


async def test_an_object_that_a_full_list_does_not_show_is_gone() -> None:
    operator = Operator()
    operator.cache.seen(body(mode="Dream"))

    operator.cache.drop({("shop", "checkout")})

    assert [each.uid for each in operator.gone] == ["uid-1"]
    assert operator.cache.unreadable == ()
