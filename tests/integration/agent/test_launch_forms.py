"""Every way to start a FastAPI app, with real servers: the agent is there, sees the load and changes the pool live."""

from pathlib import Path

import pytest

from tests.integration.agent.environments import CURRENT, OLDEST, OTHER_PYTHONS, Environment, ready
from tests.integration.agent.servers import Server, eventually, free_ports, json_of, labels_of, running

UVICORN = ("uvicorn", "app:app", "--port", "{port}")
GUNICORN = ("gunicorn", "app:app", "--bind", "127.0.0.1:{port}")
START = {"generation": 1, "threads": 11, "executorThreads": 3, "objectiveMilliseconds": 333}
LATER = {"generation": 2, "threads": 5, "timeoutKeepAliveSeconds": 7}

WITH_UVICORN = [
    pytest.param(CURRENT, (*UVICORN, "--loop", "uvloop", "--http", "httptools"), "uvicorn", id="uvloop and httptools"),
    pytest.param(CURRENT, (*UVICORN, "--loop", "asyncio", "--http", "h11"), "uvicorn", id="asyncio and h11"),
    pytest.param(CURRENT, ("python", "-m", *UVICORN), "uvicorn", id="python -m uvicorn"),
    pytest.param(CURRENT, (*UVICORN, "--reload"), "uvicorn", id="reload"),
    pytest.param(CURRENT, ("fastapi", "run", "app.py", "--port", "{port}"), "fastapi", id="fastapi run"),
    pytest.param(CURRENT, ("python", "in_code.py"), "python", id="uvicorn.run()"),
    pytest.param(CURRENT, (*GUNICORN, "-k", "uvicorn_worker.UvicornWorker"), "gunicorn", id="gunicorn, UvicornWorker"),
    pytest.param(
        CURRENT, (*GUNICORN, "--preload", "-k", "uvicorn_worker.UvicornWorker"), "gunicorn", id="gunicorn, preloaded"
    ),
    pytest.param(OLDEST, UVICORN, "uvicorn", id="uvicorn 0.29, AnyIO 3, Python 3.9"),
    pytest.param(OLDEST, (*UVICORN, "--loop", "asyncio", "--http", "h11"), "uvicorn", id="uvicorn 0.29, asyncio, h11"),
    pytest.param(
        OLDEST, (*GUNICORN, "-k", "uvicorn.workers.UvicornWorker"), "gunicorn", id="gunicorn 21, uvicorn 0.29"
    ),
    *[pytest.param(other, UVICORN, "uvicorn", id=f"Python {other.python}") for other in OTHER_PYTHONS],
]


@pytest.mark.parametrize(("environment", "command", "launch"), WITH_UVICORN)
def test_the_agent_sees_the_load_and_changes_the_settings_of(
    environment: Environment, command: tuple[str, ...], launch: str, tmp_path: Path
) -> None:
    with running(ready(environment), command, tmp_path, settings=START) as server:
        eventually(lambda: server.generation() == 1, "the start settings hold", server)
        for _ in range(3):
            assert server.status_of("/sync") == 200
        assert server.status_of("/to-thread") == 200
        assert server.status_of("/fail") == 500
        # The client has its answer before the app has returned.
        eventually(lambda: server.metrics()["requests_in_flight"] == 0, "nothing is in flight any more", server)
        first = server.metrics()
        assert first["requests_started_total"] == 5
        assert first['request_duration_seconds_count{outcome="2xx"}'] == 4
        assert first['request_duration_seconds_count{outcome="5xx"}'] == 1
        assert first['request_duration_seconds_bucket{outcome="2xx",le="0.333"}'] == 4
        assert first["thread_pool_limit"] == 11
        assert first["thread_pool_calls_total"] >= 3
        assert first["thread_pool_wait_seconds_count"] == first["thread_pool_calls_total"]
        assert first["executor_limit"] == 3
        assert first["executor_calls_total"] == 1
        assert first["loop_cpu_seconds_total"] > 0
        assert first["process_resident_memory_bytes"] > 10_000_000
        assert first["workers"] == 1
        assert labels_of(first, "agent_info")["launch"] == launch
        eventually(lambda: server.metrics()["loop_lag_seconds_count"] > 0, "the loop is timed", server)
        server.write_settings(LATER)
        eventually(lambda: server.generation() == 2, "the later settings hold", server, 3)
        later = server.metrics()
        assert later["thread_pool_limit"] == 5
        assert later["executor_limit"] != 3
        assert later["timeout_keep_alive_seconds"] == 7
        assert json_of(server, "/written") == []


ONLY_THE_POOL = [
    pytest.param((*GUNICORN, "-k", "asgi"), id="gunicorn -k asgi"),
    pytest.param(("hypercorn", "app:app", "--bind", "127.0.0.1:{port}"), id="hypercorn"),
]


@pytest.mark.parametrize("command", ONLY_THE_POOL)
def test_without_uvicorn_the_thread_pool_is_tuned_from_its_first_use(command: tuple[str, ...], tmp_path: Path) -> None:
    with running(ready(CURRENT), command, tmp_path, settings=START) as server:
        assert server.status_of("/sync") == 200
        eventually(lambda: server.generation() == 1, "the start settings hold", server)
        assert server.metrics()["thread_pool_limit"] == 11
        server.write_settings(LATER)
        eventually(lambda: server.generation() == 2, "the later settings hold", server, 3)
        assert server.metrics()["thread_pool_limit"] == 5
        assert server.status_of("/sync") == 200


def test_two_servers_in_one_process_add_up(tmp_path: Path) -> None:
    (other_port,) = free_ports(1)
    command = ("python", "two_servers.py", "{port}", str(other_port))
    with running(ready(CURRENT), command, tmp_path, settings=START) as server:
        other = Server(process=server.process, port=other_port, metrics_port=server.metrics_port, folder=server.folder)
        eventually(lambda: server.generation() == 1, "the start settings hold", server)
        eventually(lambda: server.metrics().get("thread_pool_limit") == 22, "both pools are seen", server)
        assert (server.status_of("/sync"), other.status_of("/sync")) == (200, 200)
        assert server.metrics()["requests_started_total"] == 2
        server.write_settings(LATER)
        eventually(lambda: server.metrics()["thread_pool_limit"] == 10, "both pools are changed", server, 3)
        assert server.metrics()["workers"] == 1


def test_an_app_that_installs_the_agent_itself_has_all_of_it(tmp_path: Path) -> None:
    command = ("uvicorn", "installed:app", "--port", "{port}")
    agent_alone = str(Path(__file__).parents[3] / "agent")
    with running(ready(CURRENT), command, tmp_path, settings=START, python_path=agent_alone) as server:
        eventually(lambda: server.generation() == 1, "the start settings hold", server)
        assert server.status_of("/sync") == 200
        metrics = server.metrics()
        assert metrics["requests_started_total"] == 1
        assert metrics["thread_pool_limit"] == 11
        assert metrics["executor_limit"] == 3
        assert "connections" in metrics


def test_an_app_that_installs_the_agent_and_gets_it_injected_is_counted_once(tmp_path: Path) -> None:
    command = ("uvicorn", "installed:app", "--port", "{port}")
    with running(ready(CURRENT), command, tmp_path, settings=START) as server:
        eventually(lambda: server.generation() == 1, "the start settings hold", server)
        assert server.status_of("/sync") == 200
        assert server.metrics()["requests_started_total"] == 1
