"""Two operators on a real API server, of which one acts: how long it takes until the other does."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fastapi_tuning.api_server import ApiServer
from fastapi_tuning.leadership.candidate import Timing
from fastapi_tuning.leadership.elector import Elector
from tests.integration.conftest import eventually, running_operator
from tests.integration.control_plane import ControlPlane
from tests.integration.fake_prometheus import Service
from tests.integration.test_operator_on_a_real_api_server import (
    add_ready_pods,
    api_of,
    create_target,
    create_tuning,
    overload,
    replicas_of,
    settle,
    status_of,
)

TIMING = Timing()
REQUESTS_SECONDS = 1.0
"""What reading and writing may take on a busy machine, beyond the times of the election."""


@dataclass
class Candidate:
    """An elector and its task."""

    elector: Elector
    task: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self.task = asyncio.create_task(self.elector.run())

    @property
    def leads(self) -> bool:
        return self.elector.write_seconds() > 0

    async def die(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@asynccontextmanager
async def candidates(plane: ControlPlane, path: str) -> AsyncIterator[tuple[Candidate, Candidate]]:
    """A leader and a follower that has seen it lead."""

    def candidate(name: str, api: ApiServer) -> Candidate:
        elector = Elector(api=api, path=path, identity=name, began=lambda: None, ended=lambda: None)
        return Candidate(elector)

    async with api_of(plane) as api:
        leader = candidate("one", api)
        await until(lambda: leader.leads, REQUESTS_SECONDS)
        follower = candidate("two", api)
        await asyncio.sleep(2 * TIMING.retry_seconds)
        assert not follower.leads
        yield leader, follower
        await leader.die()
        await follower.die()


async def until(check: Callable[[], bool], at_most_seconds: float) -> float:
    """How many seconds it took."""
    began = time.monotonic()
    while not check():
        assert time.monotonic() - began < at_most_seconds, f"not within {at_most_seconds} s"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


@pytest.fixture
def lease(plane: ControlPlane, namespace: str) -> str:
    """Path of a Lease as the chart makes it."""
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    plane.call("POST", leases, {"metadata": {"name": "leader"}})
    return f"{leases}/leader"


async def test_a_leader_that_dies_is_followed_within_lease_and_retry(plane: ControlPlane, lease: str) -> None:
    async with candidates(plane, lease) as (leader, follower):
        await leader.die()
        await until(lambda: follower.leads, TIMING.lease_seconds + TIMING.retry_seconds + REQUESTS_SECONDS)
        spec = (await asyncio.to_thread(plane.call, "GET", lease))["spec"]
        assert (spec["holderIdentity"], spec["leaseTransitions"], spec["leaseDurationSeconds"]) == ("two", 2, 15)


async def test_a_leader_that_is_stopped_is_followed_within_the_retry(plane: ControlPlane, lease: str) -> None:
    async with candidates(plane, lease) as (leader, follower):
        await leader.die()
        await leader.elector.release()
        assert not leader.leads
        spec = (await asyncio.to_thread(plane.call, "GET", lease))["spec"]
        assert spec["holderIdentity"] == ""
        await until(lambda: follower.leads, TIMING.retry_seconds + REQUESTS_SECONDS)


@dataclass
class Process:
    """An operator process and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> list[str]:
        lines = self.log.read_text().splitlines()
        return [json.loads(line)["message"] for line in lines if line.startswith("{")]

    @property
    def leads(self) -> bool:
        return "leading" in self.said and "no longer leading" not in self.said


@pytest.fixture
def processes(
    plane: ControlPlane, namespace: str, service: Service, lease: str, tmp_path: Path
) -> Iterator[tuple[Process, Process]]:
    """The one that leads, and the one that follows."""
    logs = [tmp_path / name for name in ("one.log", "two.log")]
    options = (f"--prometheus-url={service.url}", f"--namespace={namespace}", f"--lease={namespace}/leader")
    with running_operator(plane, logs[0], *options) as one, running_operator(plane, logs[1], *options) as two:
        both = [Process(one, logs[0]), Process(two, logs[1])]
        eventually(
            lambda: any(each.leads for each in both) and any("following" in each.said for each in both), "elected"
        )
        follower, leader = sorted(both, key=lambda each: each.leads)
        assert not follower.leads
        yield leader, follower


@pytest.mark.parametrize("in_order", [True, False], ids=["stopped", "killed"])
def test_the_other_process_goes_on_where_the_first_one_was(
    plane: ControlPlane, namespace: str, service: Service, processes: tuple[Process, Process], *, in_order: bool
) -> None:
    leader, follower = processes
    create_target(plane, namespace, service)
    overload(service)
    create_tuning(plane, namespace, mode="Auto", threadPool={"mode": "Off"})
    eventually(lambda: len(status_of(plane, namespace).get("decisions", [])) == 1, "the leader acts")
    settle(plane, namespace)
    add_ready_pods(plane, namespace, service, 2)
    service.requests_per_second, service.fast_ratio = service.offered_per_second, 1.0
    assert "move" not in follower.said

    if in_order:
        leader.process.terminate()
    else:
        leader.process.kill()
    leader.process.wait(timeout=20)
    gone = time.monotonic()
    seen = status_of(plane, namespace)["history"]["lastObservationTime"]
    eventually(lambda: follower.leads, "the other one leads", seconds=20.0)

    waited = TIMING.retry_seconds if in_order else TIMING.lease_seconds + TIMING.retry_seconds
    assert time.monotonic() - gone < waited + 2 * REQUESTS_SECONDS
    eventually(lambda: status_of(plane, namespace)["history"]["lastObservationTime"] > seen, "it observes")
    assert replicas_of(plane, namespace) == 2, "no move is made twice"
    assert len(status_of(plane, namespace)["decisions"]) == 1
