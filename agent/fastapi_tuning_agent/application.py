"""Puts the agent into an app itself, for whoever starts it: around its requests, and at the end of its start-up.

Every step is guarded: the app must start and answer as if nothing had been installed.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from fastapi_tuning_agent.admission import admission
from fastapi_tuning_agent.environment import is_off, options_from
from fastapi_tuning_agent.finder import watch_imports
from fastapi_tuning_agent.loop_agent import LoopAgent
from fastapi_tuning_agent.process import PROCESS
from fastapi_tuning_agent.traffic import Traffic

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

_log = logging.getLogger("fastapi_tuning_agent")
_apps: WeakSet[Starlette] = WeakSet()


def install_into(app: Starlette) -> None:
    """See `fastapi_tuning_agent.install`."""
    if app in _apps or is_off(os.environ):
        return
    _apps.add(app)
    try:
        _install(app)
    except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
        _log.exception("the tuning agent could not be installed; the app goes on without it")


def _install(app: Starlette) -> None:
    if app.middleware_stack is not None:
        raise RuntimeError("install(app) must be called before the app starts")
    installed = _Installed(PROCESS.new_traffic())
    _start_after_lifespan(app, installed)
    _admit_requests(app, installed)
    watch_imports()
    if options_from(os.environ).metrics_port is None:  # never in both places: whoever sums them up would count twice
        _export()


class _Installed:
    """What the agent holds for one app, in whatever event loop this runs now."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.counted_by_server = False
        """Under uvicorn the agent is around the whole server's app: counting here too would be twice."""

    def look_around(self) -> None:
        agent = PROCESS.agent_of(asyncio.get_running_loop())
        self.counted_by_server = agent is not None and bool(agent.servers)

    async def start(self) -> LoopAgent | None:
        """In the app's event loop once its own start-up is done. Never raises; None: there is nothing to end."""
        try:
            self.look_around()
            agent = PROCESS.enter()
            if hasattr(agent.loop, "_default_executor"):  # elsewhere the app's own might be replaced unseen
                agent.take_executor()
            PROCESS.report_on(self.traffic)
            agent.admit(self.traffic)
            await PROCESS.start(agent)
        except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
            _log.exception("the tuning agent could not start; the app goes on without it")
            return None
        return agent


def _start_after_lifespan(app: Starlette, installed: _Installed) -> None:
    own_lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: Any) -> AsyncIterator[Any]:
        async with own_lifespan(started) as state:
            agent = await installed.start()
            try:
                yield state
            finally:
                if agent is not None:
                    PROCESS.leave(agent)

    app.router.lifespan_context = lifespan


def _admit_requests(app: Starlette, installed: _Installed) -> None:
    # Not add_middleware: what the app adds later would then stand before the counter.
    build_own_stack = app.build_middleware_stack

    def build_middleware_stack() -> ASGIApp:
        installed.look_around()
        own = build_own_stack()
        counted = admission(own, installed.traffic, options_from(os.environ))
        return lambda scope, receive, send: (own if installed.counted_by_server else counted)(scope, receive, send)

    app.build_middleware_stack = build_middleware_stack  # type: ignore[method-assign]


def _export() -> None:
    try:
        from fastapi_tuning_agent import prometheus
    except ImportError:
        _log.info("prometheus_client is not installed: the tuning agent shows no metrics")
        return
    prometheus.register()
