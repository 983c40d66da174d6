"""Starts and ends the agent with each uvicorn server, whoever starts that: a command, gunicorn, or code."""

from __future__ import annotations

import functools
import logging
import os
from types import ModuleType
from typing import Any

from fastapi_tuning_agent.admission import admission
from fastapi_tuning_agent.environment import options_from
from fastapi_tuning_agent.process import PROCESS

_log = logging.getLogger("fastapi_tuning_agent")


def hook(module: ModuleType) -> None:
    """Wraps `startup` and `shutdown` of the class, in place: who has a reference to it has them too."""
    server_class = module.Server
    own_startup, own_shutdown = server_class.startup, server_class.shutdown

    @functools.wraps(own_startup)
    async def startup(self: Any, *args: Any, **kwargs: Any) -> Any:
        _enter(self)
        try:
            result = await own_startup(self, *args, **kwargs)
        except BaseException:
            _leave(self)
            raise
        await _start(self)
        return result

    @functools.wraps(own_shutdown)
    async def shutdown(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await own_shutdown(self, *args, **kwargs)
        finally:
            _leave(self)

    server_class.startup, server_class.shutdown = startup, shutdown


def _enter(server: Any) -> None:
    """Before the app's own start-up: its executor and its requests are ours to see from the first."""
    try:
        agent = PROCESS.enter()
        agent.serve(server)
        agent.take_executor()
        traffic = PROCESS.new_traffic()
        agent.admit(traffic)
        server.config.loaded_app = admission(server.config.loaded_app, traffic, options_from(os.environ))
    except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
        _log.exception("the tuning agent cannot watch this server; the app goes on without it")


async def _start(server: Any) -> None:
    try:
        if not getattr(server, "started", True):  # older versions return when the app could not start
            _leave(server)
        elif (agent := PROCESS.agent_serving(server)) is not None:
            await PROCESS.start(agent)
    except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
        _log.exception("the tuning agent could not start; the app goes on without it")


def _leave(server: Any) -> None:
    try:
        if (agent := PROCESS.agent_serving(server)) is not None:
            agent.forget(server)
            PROCESS.leave(agent)
    except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
        _log.exception("the tuning agent could not end; the app goes on without it")
