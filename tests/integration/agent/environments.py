"""Virtual environments with the servers that the agent must get along with, made by pip and kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.cluster.layout import layout_from_environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One Python with the packages of one time. Only what the agent touches is pinned."""

    python: str
    packages: tuple[str, ...]

    @property
    def root(self) -> Path:
        digest = hashlib.sha256("\n".join((self.python, *self.packages)).encode()).hexdigest()[:12]
        return layout_from_environment().cache / "agent-environments" / f"{self.python}-{digest}"

    def program(self, name: str) -> str:
        return str(self.root / "bin" / name)


CURRENT = Environment(
    python="3.11",
    packages=(
        "fastapi[standard]==0.165.0",
        "uvicorn[standard]==0.54.0",
        "anyio==4.16.0",
        "gunicorn==27.0.1",
        "uvicorn-worker==0.4.0",
        "hypercorn==0.18.0",
        "opentelemetry-instrumentation==0.66b2",
        "prometheus-client==0.26.0",
    ),
)
OLDEST = Environment(
    python="3.9",
    packages=("fastapi==0.110.0", "uvicorn[standard]==0.29.0", "anyio==3.7.1", "gunicorn==21.2.0", "httpx<0.28"),
)
OTHER_PYTHONS = tuple(
    Environment(python=python, packages=("fastapi", "uvicorn[standard]"))
    for python in ("3.9", "3.10", "3.12", "3.13", "3.14")
)


def ready(environment: Environment) -> Environment:
    """Makes it if the cache lacks it; skips the test where the machine has no such Python."""
    complete = environment.root / ".complete"
    if complete.exists():
        return environment
    shutil.rmtree(environment.root, ignore_errors=True)
    subprocess.run([_interpreter(environment.python), "-m", "venv", environment.root], check=True, timeout=120)
    pip = [environment.program("pip"), "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    subprocess.run([*pip, *environment.packages], check=True, timeout=600)
    complete.touch()
    return environment


def _interpreter(python: str) -> str:
    for candidate in _candidates(python):
        asked = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and asked.stdout.startswith(f"Python {python}."):
            return candidate
    pytest.skip(f"this machine has no Python {python}")


def _candidates(python: str) -> Iterator[str]:
    yield sys.executable
    if (found := shutil.which(f"python{python}")) is not None:
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from (str(found) for found in sorted(pyenv.glob(f"versions/{python}.*/bin/python")))
