"""Finds the thread pool under the servers that have no hook of their own: when the app first uses it."""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
from types import ModuleType
from typing import Any

from fastapi_tuning_agent.process import PROCESS

_log = logging.getLogger("fastapi_tuning_agent")

SERVERS = ("gunicorn", "hypercorn", "granian")
"""Packages whose presence makes a process a server: scripts in the same container have a pool too, and are none."""


def hook(module: ModuleType) -> None:
    """Wraps what gives the default limiter: a class method since AnyIO 4, a function before."""
    backend = getattr(module, "AsyncIOBackend", None)
    if backend is not None:
        own = backend.current_default_thread_limiter  # bound to the class
        backend.current_default_thread_limiter = classmethod(lambda cls: _seen(own()))
    else:
        own = module.current_default_thread_limiter
        module.current_default_thread_limiter = functools.wraps(own)(lambda: _seen(own()))  # type: ignore[attr-defined]


_starting: set[asyncio.Task[None]] = set()
"""asyncio itself does not hold on to tasks."""


def _seen(limiter: Any) -> Any:
    try:
        loop = asyncio.get_running_loop()
        if PROCESS.agent_of(loop) is None and any(server in sys.modules for server in SERVERS):
            agent = PROCESS.enter()
            task = loop.create_task(PROCESS.start(agent))
            _starting.add(task)
            task.add_done_callback(_starting.discard)
    except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
        _log.exception("the tuning agent does not find the thread pool; the app goes on without it")
    return limiter
