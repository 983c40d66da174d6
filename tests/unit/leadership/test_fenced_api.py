"""The fence: no write begins without the lease, and none goes on into another's time."""

import asyncio

import pytest

from fastapi_tuning.api_server import Json, PatchType
from fastapi_tuning.errors import NotLeading
from fastapi_tuning.leadership.fenced_api import FencedApi
from tests.unit.fakes.virtual_time import in_virtual_time


class Slow:
    """An ApiServer that takes four seconds for each write."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.done: list[str] = []

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        return {"read": path}

    async def patch(self, path: str, body: Json, patch_type: PatchType) -> Json:
        return await self._write(path)

    async def post(self, path: str, body: Json) -> Json:
        return await self._write(path)

    async def _write(self, path: str) -> Json:
        self.begun.append(path)
        await asyncio.sleep(4.0)
        self.done.append(path)
        return {}


async def write_both(api: FencedApi) -> None:
    await api.patch("/scale", {}, PatchType.MERGE)
    await api.post("/events", {})


def test_without_the_lease_everything_is_read_and_nothing_written() -> None:
    async def scenario() -> None:
        slow = Slow()
        fenced = FencedApi(api=slow, write_seconds=lambda: 0.0)
        assert await fenced.get("/pods") == {"read": "/pods"}
        with pytest.raises(NotLeading):
            await fenced.patch("/scale", {}, PatchType.MERGE)
        with pytest.raises(NotLeading):
            await fenced.post("/events", {})
        assert slow.begun == []

    in_virtual_time(scenario)


def test_the_lease_is_asked_for_before_each_write() -> None:
    async def scenario() -> None:
        slow, left = Slow(), iter((9.0, 0.0))
        with pytest.raises(NotLeading):
            await write_both(FencedApi(api=slow, write_seconds=lambda: next(left)))
        assert slow.done == ["/scale"]
        assert slow.begun == ["/scale"]

    in_virtual_time(scenario)


def test_a_write_that_takes_too_long_is_given_up_before_another_can_lead() -> None:
    async def scenario() -> None:
        slow = Slow()
        with pytest.raises(NotLeading, match="no answer to a write in the 3 s"):
            await FencedApi(api=slow, write_seconds=lambda: 3.0).patch("/scale", {}, PatchType.MERGE)
        assert asyncio.get_running_loop().time() == pytest.approx(3.0, abs=0.01)
        assert (slow.begun, slow.done) == (["/scale"], [])

    in_virtual_time(scenario)
