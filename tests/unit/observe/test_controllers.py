"""What reading other controllers costs, and what becomes of kinds that are not there."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fastapi_tuning.api_server import Json
from fastapi_tuning.errors import NotFound, TargetUnavailable
from fastapi_tuning.observe.controllers import HORIZONTAL_AUTOSCALER, KINDS, SCALED_OBJECT, ControllerReader
from tests.unit.fakes.api_server import FakeApiServer

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class CountingApiServer(FakeApiServer):
    """Knows the kinds that it is told of, and counts what is asked by kind."""

    installed: set[str] = field(default_factory=lambda: {HORIZONTAL_AUTOSCALER[1]})
    asked: Counter[str] = field(default_factory=Counter)
    down: bool = False

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        kind = path.rsplit("/", 1)[1]
        self.asked[kind] += 1
        if self.down:
            raise TargetUnavailable("timed out")
        if kind not in self.installed:
            raise NotFound("the API server has no such kind of object")
        return {"items": [{"metadata": {"name": f"{path.split('/')[5]}-{kind}"}}]}


async def cycles(reader: ControllerReader, namespaces: list[str], *, seconds: int) -> None:
    for passed in range(0, seconds, 15):
        await reader.read(namespaces, NOW + timedelta(seconds=passed))


async def test_kinds_that_are_not_installed_are_no_error_and_are_asked_for_once_in_five_minutes() -> None:
    api = CountingApiServer()
    reader = ControllerReader(api)

    found = await reader.read(["shop"], NOW)
    assert not isinstance(found["shop"], TargetUnavailable)
    assert found["shop"][SCALED_OBJECT] == ()
    await cycles(reader, ["shop", "search"], seconds=300)

    assert api.asked == {"horizontalpodautoscalers": 41, **{kind: 1 for _, kind in KINDS if kind not in api.installed}}


async def test_a_kind_that_is_installed_later_is_found() -> None:
    api = CountingApiServer()
    reader = ControllerReader(api)
    await cycles(reader, ["shop"], seconds=60)
    api.installed.add("scaledobjects")

    found = await reader.read(["shop"], NOW + timedelta(minutes=5))

    assert not isinstance(found["shop"], TargetUnavailable)
    assert [each["metadata"]["name"] for each in found["shop"][SCALED_OBJECT]] == ["shop-scaledobjects"]


async def test_many_objects_of_a_namespace_cost_what_one_costs() -> None:
    api = CountingApiServer(installed={kind for _, kind in KINDS})
    reader = ControllerReader(api)

    await cycles(reader, ["shop"] * 1000, seconds=120)

    assert api.asked.pop("horizontalpodautoscalers") == 8, "one a cycle: it acts within 15 s"
    assert set(api.asked.values()) == {2}, "one a minute"


class OddApiServer(FakeApiServer):
    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        return {"items": [None]}


async def test_what_is_no_list_of_objects_is_not_read() -> None:
    found = await ControllerReader(OddApiServer()).read(["shop"], NOW)

    assert isinstance(found["shop"], TargetUnavailable)


async def test_what_cannot_be_read_is_said_and_not_taken_for_nothing() -> None:
    api = CountingApiServer(installed={kind for _, kind in KINDS}, down=True)

    found = await ControllerReader(api).read(["shop"], NOW)

    assert isinstance(found["shop"], TargetUnavailable)
