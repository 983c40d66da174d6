"""From the request in a file to the answer for whoever has its token."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from fastapi_tuning.api.profile import TOKEN_HEADER, ProfileRequest, workers_of
from fastapi_tuning_agent.metrics_server import MetricsServer
from fastapi_tuning_agent.profiler import KEEP_SECONDS, Profiler

PATIENCE_SECONDS = 20.0


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "profile.json"
    monkeypatch.setenv("FASTAPI_TUNING_PROFILE_FILE", str(path))
    return path


@pytest.fixture
def profiler(file: Path) -> Iterator[Profiler]:
    made = Profiler()
    yield made
    made.close()


def request(token: str = "secret", seconds: int = 1, expires_in: timedelta = timedelta(minutes=1)) -> str:
    wish = ProfileRequest(
        token=token, seconds=seconds, samples_per_second=50, expires_at=datetime.now(UTC) + expires_in
    )
    return wish.text()


def told(profiler: Profiler, token: str = "secret") -> list[dict[str, Any]] | None:
    answer = profiler.answer(token)
    return None if answer is None else json.loads(answer)["workers"]


def result(profiler: Profiler) -> list[dict[str, Any]]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(worker["state"] == "Sampling" for worker in told(profiler) or []):
        assert time.monotonic() < deadline, told(profiler)
        time.sleep(0.02)
    return told(profiler) or []


def test_a_request_is_served_and_its_answer_is_what_the_command_line_reads(profiler: Profiler, file: Path) -> None:
    file.write_text(request())
    profiler.look(0)
    (worker,) = workers_of({"workers": result(profiler)})
    assert worker.profile is not None
    assert worker.profile.samples > 0
    assert any(thread.name == "MainThread" for thread in worker.profile.threads)


def test_nobody_without_the_token_learns_that_there_is_a_profile(profiler: Profiler, file: Path) -> None:
    assert told(profiler) is None
    file.write_text(request())
    profiler.look(0)
    assert told(profiler, "another") is None
    assert told(profiler) is not None


def test_workers_of_a_pod_answer_together(profiler: Profiler, file: Path) -> None:
    file.write_text(request())
    other = Profiler()
    try:
        profiler.look(0)
        other.look(0)
        assert len(result(profiler)) == 2
    finally:
        other.close()


def test_a_request_that_is_withdrawn_ends_the_sampling(profiler: Profiler, file: Path) -> None:
    file.write_text(request(seconds=120))
    profiler.look(0)
    (sampling,) = [each for each in threading.enumerate() if each.name == "fastapi-tuning-profile"]
    file.write_text("")
    profiler.look(0)
    sampling.join(PATIENCE_SECONDS)
    assert not sampling.is_alive()
    assert told(profiler) is None


def test_a_result_is_kept_for_minutes(profiler: Profiler, file: Path) -> None:
    file.write_text(request())
    profiler.look(time.monotonic())
    result(profiler)
    profiler.look(time.monotonic() + KEEP_SECONDS - 1)
    assert told(profiler) is not None
    profiler.look(time.monotonic() + KEEP_SECONDS + 2)
    assert told(profiler) is None


@pytest.mark.parametrize("text", [request(expires_in=-timedelta(seconds=1)), "{", '{"seconds": 1}', "\x00"])
def test_what_is_late_or_broken_starts_nothing(profiler: Profiler, file: Path, text: str) -> None:
    file.write_text(text)
    profiler.look(0)
    assert told(profiler) is None


def test_without_the_variable_nothing_is_looked_for(
    profiler: Profiler, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(request())
    monkeypatch.setenv("FASTAPI_TUNING_PROFILE_FILE", "")
    profiler.look(0)
    assert told(profiler) is None


def test_the_port_gives_it_to_the_token_only() -> None:
    server = MetricsServer("127.0.0.1", 0, page=lambda: "", profile=lambda token: b"{}" if token == "secret" else None)
    try:
        address = f"http://127.0.0.1:{server.port}/profile"
        with urlopen(Request(address, headers={TOKEN_HEADER: "secret"}), timeout=5) as answer:
            assert answer.read() == b"{}"
        for headers in ({}, {TOKEN_HEADER: "guess"}):
            with pytest.raises(HTTPError) as refused:
                urlopen(Request(address, headers=headers), timeout=5)
            with refused.value as answer:
                assert answer.code == 404
                assert json.loads(answer.read())["message"]
    finally:
        server.close()
