"""A whole load test with the real generator on a real service; only the cluster that runs its Jobs is made up."""

import asyncio
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dev.cluster.layout import REPOSITORY
from fastapi_tuning.api_server import Json
from fastapi_tuning.cli.load_testing import Surroundings, carry_out, prepare
from fastapi_tuning.load_test.jobs import Judgement, OpenLoop
from fastapi_tuning.load_test.step import Verdict
from tests.unit.cli.load_bench import JOB, JOBS, TUNING, Bench
from tests.unit.cli.test_load_testing import order
from tests.unit.load_test.builders import bounds

THREADS, REQUEST_MILLISECONDS = 8, 200
SATURATED_PER_SECOND = 1000 * THREADS / REQUEST_MILLISECONDS
"""40: what the pool gives when no thread is ever idle."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """The sample app with a small pool, by its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        database = f"sqlite:///{tmp_path / 'test.sqlite3'}"
        variables = {"FASTAPI_TUNING_THREAD_POOL_SIZE": str(THREADS), "SAMPLE_DATABASE_URL": database}
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "sample_app.main:app", f"--fd={listener.fileno()}", "--no-access-log"],
            pass_fds=[listener.fileno()],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": "operator:agent:.", **variables},
        )
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=60):  # the socket listens already, so this waits
            yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


@dataclass
class Loopback(Bench):
    """Runs the command of a Job as a process of this machine, from its creation to its end."""

    said: str = ""

    async def post(self, path: str, body: Json) -> Json:
        created = await super().post(path, body)
        if path == JOBS:
            (container,) = body["spec"]["template"]["spec"]["containers"]
            _, *command = container["command"]
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *command, *container["args"], f"--metrics-port={port}"),
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONPATH": "operator:agent:."},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await asyncio.wait_for(process.communicate(), 120)
            self.said = said.decode()
            self.seconds += created["spec"]["activeDeadlineSeconds"]
        return created

    async def text(self, path: str, query: dict[str, str] | None = None) -> str:
        return self.said


async def test_the_knee_of_a_real_pool_is_below_what_its_threads_give(service: str) -> None:
    bench, told = Loopback(), list[str]()
    bench.objects[TUNING]["spec"]["objectives"] = {"latency": {"thresholdMilliseconds": 1000}}
    wanted = replace(
        order(bench),
        url=service,
        load=OpenLoop(path=f"/sync-slow?milliseconds={REQUEST_MILLISECONDS}"),
        judgement=Judgement(threshold_seconds=1.0, timeout_seconds=5.0, most_bad_share=0.2),
        bounds=bounds(most=160.0, step_seconds=8.0, settle_seconds=1.0, resolution=0.5, most_seconds=1e6),
    )
    world = Surroundings(
        api=bench, prometheus=None, tell=told.append, now=bench.now, clock=bench.clock, sleep=bench.sleep
    )
    report = await carry_out(await prepare(bench, wanted), world)
    verdicts = {step.level: step.verdict for step in report.steps}
    assert verdicts[10.0] is Verdict.HELD, told
    assert any(verdict.is_failure for verdict in verdicts.values()), told
    assert max(level for level, verdict in verdicts.items() if verdict is Verdict.HELD) < 1.1 * SATURATED_PER_SECOND
    print(*told, sep="\n")  # shown with -s
    assert report.findings.service_seconds == pytest.approx(REQUEST_MILLISECONDS / 1000, rel=0.3)
    assert JOB not in bench.objects
