"""Puts the agent into an app: around its requests, and at the end of its start-up.

Every step is guarded: the app must start and answer as if nothing had been installed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from fastapi_tuning_agent.request_counter import RequestCount, RequestCounter
from fastapi_tuning_agent.settings import InvalidSettingError, thread_pool_size
from fastapi_tuning_agent.thread_pool import ThreadPool

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import ASGIApp

_log = logging.getLogger("fastapi_tuning_agent")
_apps: WeakSet[Starlette] = WeakSet()


def install(app: Starlette) -> None:
    """Sizes the thread pool of `app` when it starts, and reports on the pool and the requests.

    `app` is a FastAPI or Starlette app that has not started. Calling it again for the same app does nothing.
    Never raises: what cannot be done is logged and left out.
    """
    if app in _apps:
        return
    _apps.add(app)
    try:
        _install(app, Agent())
    except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
        _log.exception("the tuning agent could not be installed; the app goes on without it")


class Agent:
    """What the agent holds for one app."""

    def __init__(self) -> None:
        self.requests = RequestCount()
        self.thread_pool: ThreadPool | None = None
        """None while the app is not running."""

    async def start(self) -> None:
        """Runs in the app's event loop once its own start-up is done. Never raises."""
        try:
            self.thread_pool = await ThreadPool.of_this_loop()
            _apply_size(self.thread_pool)
        except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
            _log.exception("the tuning agent could not start; the app goes on without it")

    def stop(self) -> None:
        """The event loop is about to end, and its pool with it."""
        self.thread_pool = None


def _install(app: Starlette, agent: Agent) -> None:
    if app.middleware_stack is not None:
        raise RuntimeError("install(app) must be called before the app starts")
    _start_after_lifespan(app, agent)
    _count_requests(app, agent)
    _export(agent)


def _start_after_lifespan(app: Starlette, agent: Agent) -> None:
    own_lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(started: Any) -> AsyncIterator[Any]:
        async with own_lifespan(started) as state:
            await agent.start()
            try:
                yield state
            finally:
                agent.stop()

    app.router.lifespan_context = lifespan


def _count_requests(app: Starlette, agent: Agent) -> None:
    # Not add_middleware: what the app adds later would then stand before the counter.
    build_own_stack = app.build_middleware_stack

    def build_middleware_stack() -> ASGIApp:
        return RequestCounter(build_own_stack(), agent.requests)

    app.build_middleware_stack = build_middleware_stack  # type: ignore[method-assign]


def _export(agent: Agent) -> None:
    try:
        from fastapi_tuning_agent.prometheus import COLLECTOR
    except ImportError:
        _log.info("prometheus_client is not installed: the tuning agent shows no metrics")
        return
    COLLECTOR.add(agent)


def _apply_size(thread_pool: ThreadPool) -> None:
    try:
        threads = thread_pool_size(os.environ)
    except InvalidSettingError as error:
        _log.warning("%s; the thread pool keeps its size", error)
        return
    if threads is not None:
        thread_pool.resize(threads)
