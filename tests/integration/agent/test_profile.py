"""A profile of real servers: through the request file and the metrics port, with one worker and with two."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from fastapi_tuning.api.profile import TOKEN_HEADER, Profile, ProfileRequest, State, workers_of
from fastapi_tuning.profile.samples import Samples, samples_of
from tests.integration.agent.environments import CURRENT, OLDEST, Environment, ready
from tests.integration.agent.servers import Server, eventually, running

UVICORN = ("uvicorn", "app:app", "--port", "{port}")
TOKEN = "secret"


def ask(file: Path, seconds: int = 2) -> None:
    expires_at = datetime.now(UTC) + timedelta(minutes=1)
    request = ProfileRequest(token=TOKEN, seconds=seconds, samples_per_second=50, expires_at=expires_at)
    written = file.with_suffix(".new")
    written.write_text(request.text())
    written.replace(file)


def answer(server: Server, token: str = TOKEN) -> dict[str, Any]:
    address = f"http://127.0.0.1:{server.metrics_port}/profile"
    with urlopen(Request(address, headers={TOKEN_HEADER: token}), timeout=5) as found:
        body: dict[str, Any] = json.loads(found.read())
        return body


def profiles(server: Server) -> tuple[Profile, ...]:
    """None yet is none at all."""
    try:
        workers = workers_of(answer(server))
    except OSError:
        return ()
    return tuple(worker.profile for worker in workers if worker.profile is not None)


def functions(samples: Samples, state: State) -> set[str]:
    return {place.function for sample in samples.of(state) for place in sample.places}


@pytest.mark.parametrize("environment", [CURRENT, OLDEST], ids=["uvicorn 0.54", "uvicorn 0.29 on Python 3.9"])
def test_it_names_what_blocks_the_loop_while_it_is_blocked(environment: Environment, tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    variables = {"FASTAPI_TUNING_PROFILE_FILE": str(file)}
    with running(ready(environment), UVICORN, tmp_path, variables=variables) as server:
        eventually(lambda: server.generation() is not None, "the port is open", server)
        blocking = threading.Thread(target=server.get, args=("/blocking?milliseconds=6000",))
        blocking.start()
        eventually(lambda: "loop_blocked_seconds_total{" in server.page(), "the loop is blocked", server)
        ask(file)
        eventually(lambda: bool(profiles(server)), "there is a profile", server)
        assert blocking.is_alive(), "it came while the loop was blocked"
        blocking.join()
        samples = samples_of(profiles(server))
        assert "blocking" in functions(samples, State.WAITING)
        assert "blocking" not in functions(samples, State.RUNNING)
        with pytest.raises(HTTPError) as refused:
            answer(server, token="guess")
        refused.value.close()
        assert refused.value.code == 404
        assert server.status_of("/") == 200


def test_two_workers_give_one_answer(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    variables = {"FASTAPI_TUNING_PROFILE_FILE": str(file)}
    with running(ready(CURRENT), (*UVICORN, "--workers", "2"), tmp_path, variables=variables) as server:
        eventually(lambda: server.generation() == 0 and server.metrics()["workers"] == 2, "both are seen", server)
        ask(file)
        eventually(lambda: len(profiles(server)) == 2, "both have a profile", server)
        assert samples_of(profiles(server)).processes == 2
