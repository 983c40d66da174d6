"""A Lease in memory with the API server's compare-and-set, behind a network that a test sets, and electors on it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fastapi_tuning.api_server import Json, PatchType
from fastapi_tuning.errors import Conflict, NotFound, TargetUnavailable, WriteRejected
from fastapi_tuning.leadership.elector import Elector

PATH = "/apis/coordination.k8s.io/v1/namespaces/system/leases/operator"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Way:
    """How one request fares: seconds there and back, and whether it, or its answer, gets lost."""

    there_seconds: float = 0.01
    back_seconds: float = 0.01
    lost: bool = False
    answer_lost: bool = False


@dataclass
class LeaseServer:
    """What the API server keeps: one Lease, or none."""

    spec: Json | None = field(default_factory=dict)
    version: int = 1

    def read(self) -> Json:
        if self.spec is None:
            raise NotFound("leases.coordination.k8s.io not found")
        return {"metadata": {"resourceVersion": str(self.version)}, "spec": dict(self.spec)}

    def write(self, body: Json) -> Json:
        if self.spec is None:
            raise NotFound("leases.coordination.k8s.io not found")
        if body["metadata"]["resourceVersion"] != str(self.version):
            raise Conflict("the object has been modified")
        self.spec = {**self.spec, **body["spec"]}
        self.version += 1
        return self.read()

    @property
    def holder(self) -> str:
        return str((self.spec or {}).get("holderIdentity", ""))


@dataclass
class LeaseApi:
    """An ApiServer with one object, as one operator reaches it."""

    server: LeaseServer
    way: Callable[[], Way] = Way

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        assert path == PATH
        return await self._exchange(self.server.read, TargetUnavailable("not reachable"))

    async def patch(self, path: str, body: Json, patch_type: PatchType) -> Json:
        assert (path, patch_type) == (PATH, PatchType.MERGE)
        return await self._exchange(lambda: self.server.write(body), WriteRejected("not reachable"))

    async def post(self, path: str, body: Json) -> Json:
        raise AssertionError("an operator has no right to create a Lease")

    async def _exchange(self, work: Callable[[], Json], failure: Exception) -> Json:
        """A request that is on its way arrives, also when its sender no longer waits for it."""
        way, loop = self.way(), asyncio.get_running_loop()
        answered: asyncio.Future[Json | Exception] = loop.create_future()

        def arrive() -> None:
            answer: Json | Exception = failure
            if not way.lost:
                try:
                    answer = work()
                except (NotFound, Conflict) as error:
                    answer = error
            loop.call_later(way.back_seconds, deliver, failure if way.answer_lost else answer)

        def deliver(answer: Json | Exception) -> None:
            if not answered.done():
                answered.set_result(answer)

        loop.call_later(way.there_seconds, arrive)
        answer = await answered
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Operator:
    """An elector, the clock that it goes by, and what it was told."""

    name: str
    api: LeaseApi
    clock_rate: float = 1.0
    clock_ahead_seconds: float = 0.0
    began: Callable[[], None] = lambda: None
    """Asked when it begins to lead."""
    ready: bool = True
    told: list[str] = field(default_factory=list)
    elector: Elector = field(init=False)
    _task: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        self.elector = Elector(
            api=self.api,
            path=PATH,
            identity=self.name,
            began=self._begin,
            ended=lambda: self.told.append("ended"),
            ready=lambda: self.ready,
            monotonic=lambda: self.clock_ahead_seconds + self.clock_rate * asyncio.get_running_loop().time(),
            now=lambda: NOON + timedelta(seconds=asyncio.get_running_loop().time()),
        )

    def _begin(self) -> None:
        self.told.append("began")
        self.began()

    def start(self) -> None:
        self._task = asyncio.create_task(self.elector.run())

    async def die(self) -> None:
        """At once and without a word."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def stop(self) -> None:
        """In order."""
        await self.die()
        await self.elector.release()

    def write_seconds(self) -> float:
        """By the true clock."""
        return self.elector.write_seconds() / self.clock_rate

    @property
    def leads(self) -> bool:
        return self.elector.write_seconds() > 0


async def until(check: Callable[[], bool], *, at_most: float) -> float:
    """Seconds until it is true."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not check():
        assert loop.time() - began <= at_most, f"not within {at_most} s"
        await asyncio.sleep(0.05)
    return loop.time() - began
