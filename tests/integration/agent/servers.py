"""Real servers as subprocesses on loopback, with the agent injected as in a pod, and their metrics."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from dev.cluster.layout import REPOSITORY
from tests.integration.agent.environments import Environment

HERE = Path(__file__).parent
INJECTED = f"{REPOSITORY / 'agent' / 'inject'}{os.pathsep}{REPOSITORY / 'agent'}"
PATIENCE_SECONDS = 20.0
PREFIX = "fastapi_tuning_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server; `folder` holds its log and, as in a pod, the link that its settings file is reached by."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    folder: Path

    def get(self, path: str, timeout_seconds: float = PATIENCE_SECONDS) -> tuple[int, Mapping[str, str], str]:
        """(status, headers, body) of one request on its own connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_seconds)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def status_of(self, path: str) -> int:
        return self.get(path)[0]

    def metrics(self) -> dict[str, float]:
        """Samples by name with labels, without the prefix."""
        return samples_of(self.page())

    def generation(self) -> float | None:
        """Of the settings in force; None while there is no metrics page yet."""
        try:
            return self.metrics().get("agent_settings_generation")
        except OSError:
            return None

    def page(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def write_settings(self, settings: object) -> None:
        """As the kubelet does: a new directory, and a link swapped to it."""
        write_settings(self.folder, settings)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE_SECONDS)


@contextmanager
def running(
    environment: Environment,
    command: Sequence[str],
    folder: Path,
    *,
    settings: object = None,
    variables: Mapping[str, str] | None = None,
    python_path: str = INJECTED,
    app_folder: Path = HERE,
) -> Iterator[Server]:
    """Starts `command` (a program of the environment and its arguments, with {port} filled in); it listens on entry."""
    port, metrics_port = free_ports(2)
    if settings is not None:
        write_settings(folder, settings)
    words = [word.format(port=port) for word in command]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [environment.program(words[0]), *words[1:]],
        cwd=app_folder,
        env={
            "PATH": f"{environment.root / 'bin'}{os.pathsep}/usr/bin:/bin",
            "PYTHONPATH": f"{python_path}{os.pathsep}{app_folder}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "PORT": str(port),
            "FASTAPI_TUNING_SETTINGS_FILE": str(folder / "settings.json"),
            "FASTAPI_TUNING_METRICS_HOST": "127.0.0.1",
            "FASTAPI_TUNING_METRICS_PORT": str(metrics_port),
            **(variables or {}),
        },
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    server = Server(process=process, port=port, metrics_port=metrics_port, folder=folder)
    try:
        eventually(lambda: _listens(server), "the server listens", server)
        yield server
    finally:
        _end(process)
        log.close()


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now; taken together, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def eventually(check: Callable[[], bool], what: str, server: Server, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}\n{server.log()[-4000:]}"
        time.sleep(0.05)


def write_settings(folder: Path, settings: object) -> None:
    text = settings if isinstance(settings, str) else json.dumps(settings)
    version = folder / f"..{time.monotonic_ns()}"
    version.mkdir()
    (version / "settings.json").write_text(text)
    link = folder / "..new"
    link.symlink_to(version.name)
    link.replace(folder / "..data")
    if not (folder / "settings.json").is_symlink():
        (folder / "settings.json").symlink_to("..data/settings.json")


def samples_of(page: str) -> dict[str, float]:
    samples: dict[str, float] = {}
    for line in page.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in samples, f"twice: {name}"
            samples[name.removeprefix(PREFIX)] = float(value)
    return samples


def labels_of(metrics: Mapping[str, float], name: str) -> dict[str, str]:
    """Labels of the one series that a metric has."""
    (series,) = [sample for sample in metrics if sample.startswith(name + "{")]
    return dict(re.findall(r'(\w+)="([^"]*)"', series))


def json_of(server: Server, path: str) -> Any:
    status, _, body = server.get(path)
    assert status == 200, body
    return json.loads(body)


def _listens(server: Server) -> bool:
    assert server.process.poll() is None, server.log()[-4000:]
    try:
        server.get("/healthz", timeout_seconds=2)
    except (OSError, http.client.HTTPException):
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the server and the workers it started: all of its own session, and nothing else."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
