"""A process that runs one of the instrumented apps on loopback."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.cluster.layout import REPOSITORY


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A running app; `process` may be ended early."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running_app(directory: Path, pod: str, library: str, environment: dict[str, str]) -> Iterator[App]:
    """The parent listens, so the port is known, is nobody else's, and takes connections while the app starts."""
    with socket.create_server(("127.0.0.1", 0)) as listener, (directory / f"{pod}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.instrumented_apps", library, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            cwd=REPOSITORY,
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        app = App(port=listener.getsockname()[1], process=process)
    try:
        yield app
    finally:
        process.terminate()
        process.wait(timeout=20)
