"""Whatever clocks, networks and crashes do, never two write at one time; and when all is well again, one leads."""

import asyncio
import itertools
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from fastapi_tuning.api_server import Json, PatchType
from fastapi_tuning.errors import NotLeading
from fastapi_tuning.leadership.fenced_api import FencedApi
from tests.unit.fakes.virtual_time import in_virtual_time
from tests.unit.leadership.leases import LeaseApi, LeaseServer, Operator, Way

TROUBLE_SECONDS = 150.0
CALM_SECONDS = 50.0
"""The longest request on its way, a lease and two tries, by the slowest clock."""


SEEDS = st.integers(0, 2**32)
"""Of the weather, and of who dies when: thousands of draws, more than hypothesis makes itself."""


def clocks(slowest: float, fastest: float) -> st.SearchStrategy[list[tuple[float, float]]]:
    """Rates and offsets of two or three candidates."""
    return st.lists(st.tuples(st.floats(slowest, fastest), st.floats(0, 1e5)), min_size=2, max_size=3)


class Weather:
    """A network that is fine, slow, lossy or down, each for a while; after the trouble it is fine."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._mood, self._until = "fine", 0.0

    def way(self) -> Way:
        now, random = asyncio.get_running_loop().time(), self._random
        if now >= TROUBLE_SECONDS:
            return Way()
        if now >= self._until:
            self._mood = random.choice(("fine", "slow", "lossy", "down"))
            self._until = now + random.expovariate(1 / 12)
        longest = {"fine": 0.2, "slow": 9.0, "lossy": 2.0, "down": 5.0}[self._mood]
        loss = {"fine": 0.0, "slow": 0.0, "lossy": 0.4, "down": 1.0}[self._mood]
        return Way(
            there_seconds=random.uniform(0, longest),
            back_seconds=random.uniform(0, longest),
            lost=random.random() < loss,
            answer_lost=random.random() < loss,
        )


@dataclass
class SlowWrites:
    """An API server that takes a while for each write of one operator; `intervals`: from when to when, and whose."""

    whose: str
    random: Random
    intervals: list[tuple[float, float, str]]

    async def patch(self, path: str, body: Json, patch_type: PatchType) -> Json:
        began = asyncio.get_running_loop().time()
        try:
            await asyncio.sleep(self.random.choice((0.0, 0.1, 3.0, 60.0)))
        finally:
            self.intervals.append((began, asyncio.get_running_loop().time(), self.whose))
        return {}

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        raise AssertionError("nothing is read")

    async def post(self, path: str, body: Json) -> Json:
        raise AssertionError("nothing is created")


@dataclass
class Cluster:
    """Operators that die, are stopped and come back under another name, and that write whenever they may."""

    random: Random
    server: LeaseServer = field(default_factory=LeaseServer)
    operators: list[Operator] = field(default_factory=list)
    began_beside_another: list[str] = field(default_factory=list)
    intervals: list[tuple[float, float, str]] = field(default_factory=list)
    leaders_in_the_end: list[str] = field(default_factory=list)

    async def live(self, place: int, rate: float, ahead: float) -> None:
        """One place in the cluster, from the beginning to the end of the trouble and the calm after it."""
        loop, weather = asyncio.get_running_loop(), Weather(self.random)
        for life in itertools.count():
            operator = self._started(f"{place}.{life}", LeaseApi(self.server, weather.way), rate, ahead)
            writing = asyncio.create_task(self._write(operator))
            dies_at = loop.time() + self.random.expovariate(1 / 60)
            over = TROUBLE_SECONDS + CALM_SECONDS if dies_at >= TROUBLE_SECONDS else dies_at
            await asyncio.sleep(over - loop.time())
            if dies_at >= TROUBLE_SECONDS:
                return
            writing.cancel()
            await asyncio.wait([writing])
            self.operators.remove(operator)
            await self.random.choice((operator.die, operator.stop))()

    def _started(self, name: str, api: LeaseApi, rate: float, ahead: float) -> Operator:
        operator = Operator(name, api, clock_rate=rate, clock_ahead_seconds=ahead, began=lambda: self._note(operator))
        self.operators.append(operator)
        operator.start()
        return operator

    def _note(self, beginning: Operator) -> None:
        """Leadership only ever begins here; what one believes afterwards only shrinks, or is renewed."""
        others = [each.name for each in self.operators if each is not beginning and each.leads]
        self.began_beside_another += others

    async def _write(self, operator: Operator) -> None:
        writes = SlowWrites(operator.name, self.random, self.intervals)
        fenced = FencedApi(api=writes, write_seconds=operator.write_seconds)
        while True:
            await asyncio.sleep(self.random.uniform(0.0, 1.0))
            try:
                await fenced.patch("/anything", {}, PatchType.MERGE)
            except NotLeading:
                continue

    def overlapping(self) -> list[tuple[tuple[float, float, str], tuple[float, float, str]]]:
        pairs = itertools.combinations(sorted(self.intervals), 2)
        return [(one, two) for one, two in pairs if one[2] != two[2] and two[0] < one[1]]


def history_of(seed: int, clocks: list[tuple[float, float]]) -> Cluster:
    async def scenario() -> Cluster:
        cluster = Cluster(Random(seed))
        await asyncio.gather(*(cluster.live(place, *clock) for place, clock in enumerate(clocks)))
        cluster.leaders_in_the_end = [each.name for each in cluster.operators if each.leads]
        return cluster

    return in_virtual_time(scenario)


@settings(max_examples=40)
@given(seed=SEEDS, clocks=clocks(0.85, 1.25))
def test_no_two_believe_at_one_time_that_they_may_begin_to_write(seed: int, clocks: list[tuple[float, float]]) -> None:
    assert history_of(seed, clocks).began_beside_another == []


@settings(max_examples=40)
@given(seed=SEEDS, clocks=clocks(0.95, 1.05))
def test_no_two_write_at_one_time(seed: int, clocks: list[tuple[float, float]]) -> None:
    assert history_of(seed, clocks).overlapping() == []


@settings(max_examples=40)
@given(seed=SEEDS, clocks=clocks(0.85, 1.25))
def test_when_all_is_well_again_exactly_one_leads(seed: int, clocks: list[tuple[float, float]]) -> None:
    cluster = history_of(seed, clocks)
    assert cluster.leaders_in_the_end == [cluster.server.holder]
