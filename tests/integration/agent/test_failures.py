"""Whatever is wrong around the agent, the app goes on as without it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.integration.agent.environments import CURRENT, ready
from tests.integration.agent.servers import INJECTED, eventually, running

UVICORN = ("uvicorn", "app:app", "--port", "{port}")
START = {"generation": 1, "threads": 11}


def test_switched_off_there_is_nothing_of_it(tmp_path: Path) -> None:
    with running(
        ready(CURRENT), UVICORN, tmp_path, settings=START, variables={"FASTAPI_TUNING_AGENT": "off"}
    ) as server:
        assert server.status_of("/sync") == 200
        with pytest.raises(OSError, match="refused"):
            server.metrics()
        assert server.stop() == -15  # as uvicorn ends without an agent


BROKEN = [
    pytest.param("{", id="cut off"),
    pytest.param("[1]", id="not an object"),
    pytest.param('{"threads": 3}', id="without a generation"),
    pytest.param('{"generation": 1, "threads": "many"}', id="not a number"),
    pytest.param('{"generation": 1, "threads": true}', id="a truth value"),
    pytest.param("\x00" * 100_000, id="too long"),
]


@pytest.mark.parametrize("text", BROKEN)
def test_settings_that_cannot_be_used_change_nothing_and_are_counted(text: str, tmp_path: Path) -> None:
    with running(ready(CURRENT), UVICORN, tmp_path, settings=START) as server:
        eventually(lambda: server.generation() == 1, "the start settings hold", server)
        server.write_settings(text)
        eventually(lambda: server.metrics()["agent_settings_errors_total"] == 1, "the error is counted", server, 3)
        assert server.generation() == 1
        assert server.metrics()["thread_pool_limit"] == 11
        server.write_settings({"generation": 2, "threads": 12})
        eventually(lambda: server.generation() == 2, "good ones hold again", server, 3)


def test_without_a_settings_file_the_app_has_its_own_values(tmp_path: Path) -> None:
    with running(ready(CURRENT), UVICORN, tmp_path) as server:
        eventually(lambda: server.generation() == 0, "the page is there", server)
        assert server.status_of("/sync") == 200
        assert server.metrics()["thread_pool_limit"] == 40
        server.write_settings(START)
        eventually(lambda: server.generation() == 1, "a file that comes later is found", server, 3)


def test_a_settings_file_that_goes_away_leaves_the_last_values(tmp_path: Path) -> None:
    with running(ready(CURRENT), UVICORN, tmp_path, settings=START) as server:
        eventually(lambda: server.generation() == 1, "the start settings hold", server)
        (tmp_path / "settings.json").unlink()
        server.write_settings("")  # the annotation was taken away: that is a wish
        eventually(lambda: server.generation() == 0, "an empty one asks for nothing", server, 3)
        assert server.metrics()["thread_pool_limit"] == 40


def test_a_metrics_port_that_is_taken_is_no_reason_not_to_serve(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with running(ready(CURRENT), UVICORN, first, settings=START) as holder:
        port = {"FASTAPI_TUNING_METRICS_PORT": str(holder.metrics_port)}
        with running(ready(CURRENT), UVICORN, second, settings=START, variables=port) as other:
            assert other.status_of("/sync") == 200


def test_another_sitecustomize_runs_as_well(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os.environ['OTHER_RAN'] = 'yes'; print('other ran')")
    with running(
        ready(CURRENT), UVICORN, tmp_path, settings=START, python_path=f"{INJECTED}{os.pathsep}{tmp_path}"
    ) as server:
        eventually(lambda: server.generation() == 1, "the agent is there", server)
        assert "other ran" in server.log()


def test_opentelemetrys_own_injection_runs_as_well() -> None:
    environment = ready(CURRENT)
    (otel,) = environment.root.glob("lib/python*/site-packages/opentelemetry/instrumentation/auto_instrumentation")
    told = subprocess.run(
        [
            environment.program("python"),
            "-c",
            "import sys; print(sys.modules['sitecustomize'].__file__, sys.meta_path[0])",
        ],
        env={"PYTHONPATH": f"{INJECTED}{os.pathsep}{otel}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.startswith(str(otel))
    assert "fastapi_tuning_agent.finder" in told
