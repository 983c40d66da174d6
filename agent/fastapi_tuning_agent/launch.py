"""How this process was started, and with which versions of what."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from fastapi_tuning_agent import worker_hooks
from fastapi_tuning_agent.catalogue import Labels
from fastapi_tuning_agent.version import __version__

if TYPE_CHECKING:
    import asyncio

    from fastapi_tuning_agent.uvicorn_server import UvicornServer

_COMMANDS = ("uvicorn", "fastapi", "hypercorn", "granian")


def launch_form(arguments: Sequence[str], modules: Collection[str]) -> str:
    """`uvicorn`, `fastapi`, `gunicorn`, … by the command; `python` for a server started in code.

    `arguments` are the process's own, `modules` the names of what it has imported. `python -m uvicorn` is `uvicorn`.
    """
    if "gunicorn.arbiter" in modules:
        return "gunicorn"
    command = arguments[0] if arguments else ""
    if os.path.basename(command) == "__main__.py":
        command = os.path.dirname(command)
    name = os.path.basename(command)
    return name if name in _COMMANDS else "python"


def agent_labels(workers: int) -> Labels:
    return (
        ("version", __version__),
        ("python", platform.python_version()),
        ("uvicorn", version_of("uvicorn")),
        ("anyio", version_of("anyio")),
        ("launch", launch_form(sys.argv, sys.modules)),
        ("workers", str(workers)),
    )


def loop_labels(loop: asyncio.AbstractEventLoop, server: UvicornServer) -> Labels:
    return (("loop", type(loop).__module__.split(".")[0]), ("http", server.http_parser))


def asked_workers(servers: Iterable[UvicornServer]) -> int:
    """Workers by the command line or the environment, before the agent made them one."""
    return worker_hooks.asked_of_gunicorn or max((server.asked_workers for server in servers), default=1)


_versions: dict[str, str] = {}


def version_of(distribution: str) -> str:
    """Empty where it is not installed. Looked up once: it reads a directory."""
    if distribution not in _versions:
        try:
            _versions[distribution] = version(distribution)
        except PackageNotFoundError:
            _versions[distribution] = ""
    return _versions[distribution]
