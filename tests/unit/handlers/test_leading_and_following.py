"""What the loop does, and what it leaves to the other, as leadership comes and goes. In virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from fastapi_tuning.api.tuning import FastAPITuning, StoredTuning
from fastapi_tuning.api_server import Json
from fastapi_tuning.handlers.cache import TuningCache
from fastapi_tuning.handlers.loop import ControlLoop
from fastapi_tuning.report.metrics import OperatorMetrics
from tests.unit.fakes.virtual_time import in_virtual_time
from tests.unit.handlers.test_unreadable_objects import body


class Listing:
    """The API server of a loop that only lists."""

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        return {"metadata": {}, "items": [body()]}


@dataclass
class Cycles:
    """A reconciler whose cycles take their time; when they began, when they ended, and what was let go of."""

    seconds: float = 0.0
    began: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    let_go_of: list[str] = field(default_factory=list)
    forgot: int = 0
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    metrics: OperatorMetrics = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = OperatorMetrics(self.registry)

    async def cycle(self, due: Iterable[FastAPITuning], known: Iterable[FastAPITuning], now: datetime) -> None:
        self.began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.seconds)
        self.ended.append(asyncio.get_running_loop().time())

    async def let_go(self, tuning: StoredTuning) -> None:
        self.let_go_of.append(tuning.name)

    def forget_all(self) -> None:
        self.forgot += 1

    @property
    def leader(self) -> float | None:
        return self.registry.get_sample_value("fastapi_tuning_leader")


class Operator:
    """The loop with one object of a 15 s interval, as the process wires it."""

    def __init__(self, cycle_seconds: float = 0.0) -> None:
        self.cycles = Cycles(cycle_seconds)
        self.cache = TuningCache(on_gone=lambda tuning: self.loop.forget(tuning))
        self.loop = ControlLoop(
            api=Listing(),  # type: ignore[arg-type]  # it only lists
            cache=self.cache,
            reconciler=self.cycles,  # type: ignore[arg-type]  # all that the loop asks of one
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            monotonic=lambda: asyncio.get_running_loop().time(),
            heartbeat=0.0,
        )


def running(scenario: Callable[[Operator], Awaitable[None]], **operator: Any) -> Operator:
    """The operator after a scenario beside its running loop."""

    async def run() -> Operator:
        made = Operator(**operator)
        task = asyncio.create_task(made.loop.run())
        await scenario(made)
        task.cancel()
        await asyncio.wait([task])
        return made

    return in_virtual_time(run)


def delete(operator: Operator, name: str) -> None:
    found = body()
    operator.cache.seen({**found, "metadata": {**found["metadata"], "name": name, "uid": name}})
    operator.cache.gone(("shop", name))


def test_a_follower_keeps_its_cache_warm_and_is_alive_but_has_no_cycle() -> None:
    async def scenario(operator: Operator) -> None:
        await asyncio.sleep(100.5)
        assert operator.loop.listed
        assert operator.cache.keys == {("shop", "checkout")}
        assert operator.loop.heartbeat > 99.0

    assert running(scenario).cycles.began == []


def test_a_new_leader_begins_at_once_and_then_keeps_its_interval() -> None:
    async def scenario(operator: Operator) -> None:
        await asyncio.sleep(100.5)
        operator.loop.lead()
        await asyncio.sleep(40.0)

    began = running(scenario).cycles.began
    assert len(began) == 3
    assert 100.5 <= began[0] <= 101.6
    assert 15.0 <= began[1] - began[0] <= 16.1


def test_a_cycle_that_is_under_way_ends_with_the_leadership() -> None:
    async def scenario(operator: Operator) -> None:
        operator.loop.lead()
        await asyncio.sleep(5.0)
        assert len(operator.cycles.began) == 1
        operator.loop.follow()
        await asyncio.sleep(100.0)
        assert operator.loop.heartbeat > 100.0, "the loop goes on"

    cycles = running(scenario, cycle_seconds=30.0).cycles
    assert (len(cycles.began), cycles.ended) == (1, [])
    assert cycles.forgot == 1


def test_who_leads_again_begins_anew_even_if_nobody_looked_in_between() -> None:
    async def scenario(operator: Operator) -> None:
        operator.loop.lead()
        await asyncio.sleep(5.0)
        operator.loop.follow()
        operator.loop.lead()
        await asyncio.sleep(29.0)

    cycles = running(scenario, cycle_seconds=10.0).cycles
    assert len(cycles.began) == len(cycles.ended) + 1, "the first one was given up"
    assert 5.0 <= cycles.began[1] <= 6.1


def test_a_loop_that_is_ended_leaves_no_cycle_behind() -> None:
    async def scenario(operator: Operator) -> None:
        operator.loop.lead()
        await asyncio.sleep(5.0)

    cycles = running(scenario, cycle_seconds=30.0).cycles
    assert (len(cycles.began), cycles.ended) == (1, [])


def test_only_the_leader_lets_go_of_what_was_deleted() -> None:
    async def scenario(operator: Operator) -> None:
        delete(operator, "search")
        await asyncio.sleep(100.0)

    assert running(scenario).cycles.let_go_of == []


def test_a_new_leader_lets_go_of_what_was_deleted_under_a_dying_one_and_of_nothing_older() -> None:
    async def scenario(operator: Operator) -> None:
        delete(operator, "long-ago")
        await asyncio.sleep(20.0)
        delete(operator, "lately")
        await asyncio.sleep(20.0)
        operator.loop.lead()
        await asyncio.sleep(5.0)
        delete(operator, "now")
        await asyncio.sleep(5.0)

    assert running(scenario).cycles.let_go_of == ["lately", "now"]


def test_the_metric_says_who_leads() -> None:
    async def scenario(operator: Operator) -> None:
        assert operator.cycles.leader == 0.0
        operator.loop.lead()
        assert operator.cycles.leader == 1.0
        operator.loop.follow()
        assert operator.cycles.leader == 0.0

    running(scenario)
