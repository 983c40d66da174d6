"""Several workers in one pod: one page that adds up, settings that reach all, and the order to be only one."""

import os
import signal
from pathlib import Path

import pytest

from tests.integration.agent.environments import CURRENT, OLDEST, Environment, ready
from tests.integration.agent.servers import Server, eventually, json_of, labels_of, running

UVICORN = ("uvicorn", "app:app", "--port", "{port}", "--workers", "2")
FASTAPI = ("fastapi", "run", "app.py", "--port", "{port}", "--workers", "2")
GUNICORN = ("gunicorn", "app:app", "--bind", "127.0.0.1:{port}", "--workers", "2")
START = {"generation": 1, "threads": 11}

TWO_WORKERS = [
    pytest.param(CURRENT, UVICORN, id="uvicorn"),
    pytest.param(CURRENT, FASTAPI, id="fastapi run"),
    pytest.param(CURRENT, (*GUNICORN, "-k", "uvicorn_worker.UvicornWorker"), id="gunicorn"),
    pytest.param(OLDEST, UVICORN, id="uvicorn 0.29"),
]


def pids_that_answer(server: Server) -> set[int]:
    return {json_of(server, "/")["pid"] for _ in range(20)}


@pytest.mark.parametrize(("environment", "command"), TWO_WORKERS)
def test_two_workers_are_one_page(environment: Environment, command: tuple[str, ...], tmp_path: Path) -> None:
    with running(ready(environment), command, tmp_path, settings=START) as server:
        eventually(lambda: server.generation() == 1 and server.metrics()["workers"] == 2, "both are seen", server)
        before = server.metrics()["requests_started_total"]
        pids_that_answer(server)
        metrics = server.metrics()
        assert metrics["requests_started_total"] == before + 20
        assert metrics["thread_pool_limit"] == 22
        assert labels_of(metrics, "agent_info")["workers"] == "2"
        server.write_settings({"generation": 2, "threads": 5})
        eventually(lambda: server.generation() == 2, "both have the later settings", server, 3)
        assert server.metrics()["thread_pool_limit"] == 10


@pytest.mark.parametrize(("environment", "command"), TWO_WORKERS)
def test_calls_to_others_of_all_workers_are_on_the_page(
    environment: Environment, command: tuple[str, ...], tmp_path: Path
) -> None:
    with running(ready(environment), command, tmp_path, settings=START) as server:
        eventually(lambda: server.generation() == 1 and server.metrics()["workers"] == 2, "both are seen", server)
        for _ in range(20):
            assert json_of(server, f"/call?port={server.port}") == {"status": 200}
        labels = f'kind="HTTP",peer="127.0.0.1:{server.port}"'
        metrics = server.metrics()
        assert metrics[f'outbound_calls_total{{{labels},outcome="ok"}}'] == 20
        assert metrics[f'outbound_calls_total{{{labels},outcome="error"}}'] == 0
        assert metrics[f"outbound_in_flight{{{labels}}}"] == 0
        assert metrics[f"outbound_seconds_total{{{labels}}}"] > 0


def test_switched_off_no_call_to_others_is_counted(tmp_path: Path) -> None:
    off = {"FASTAPI_TUNING_OUTBOUND": "off"}
    with running(ready(CURRENT), UVICORN, tmp_path, settings=START, variables=off) as server:
        eventually(lambda: server.generation() == 1, "the agent runs", server)
        assert json_of(server, f"/call?port={server.port}") == {"status": 200}
        assert not any(name.startswith("outbound_") for name in server.metrics())


@pytest.mark.parametrize(("environment", "command"), TWO_WORKERS)
def test_one_worker_is_enforced(environment: Environment, command: tuple[str, ...], tmp_path: Path) -> None:
    enforce = {"FASTAPI_TUNING_WORKERS_MODE": "Enforce"}
    with running(ready(environment), command, tmp_path, settings=START, variables=enforce) as server:
        eventually(lambda: server.generation() == 1, "the start settings hold", server)
        assert len(pids_that_answer(server)) == 1
        metrics = server.metrics()
        assert metrics["workers"] == 1
        assert metrics["workers_asked"] == 2
        assert metrics["thread_pool_limit"] == 11


def test_the_page_outlives_the_worker_that_served_it_and_what_a_dead_one_counted_stays(tmp_path: Path) -> None:
    with running(ready(CURRENT), UVICORN, tmp_path, settings=START) as server:
        eventually(lambda: server.generation() == 1 and server.metrics()["workers"] == 2, "both are seen", server)
        pids = pids_that_answer(server)
        holder = _listens_on(server.metrics_port, pids)
        others = pids - {holder}
        started = server.metrics()["requests_started_total"]
        for pid in others:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: _has_two_again(server, others), "a dead worker is replaced", server)
        assert server.metrics()["requests_started_total"] >= started
        os.kill(holder, signal.SIGKILL)
        eventually(lambda: server.generation() == 1 and server.metrics()["workers"] == 2, "another serves it", server)
        assert server.metrics()["requests_started_total"] == 0, "its sum starts anew, as after a restart"


def _has_two_again(server: Server, gone: set[int]) -> bool:
    try:
        return server.metrics()["workers"] == 2 and not pids_that_answer(server) & gone
    except OSError:
        return False


def _listens_on(port: int, pids: set[int]) -> int:
    """Which of the processes has the listening socket of `port`."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[1].split(":")[1], 16) == port and words[3] == "0A":
            inodes.add(f"socket:[{words[9]}]")
    (pid,) = [pid for pid in pids if inodes & {os.readlink(link) for link in _descriptors(pid)}]
    return pid


def _descriptors(pid: int) -> list[Path]:
    return [link for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
