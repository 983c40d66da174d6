"""All that the agent holds for one event loop. Its methods run in the loop's thread unless they say otherwise."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi_tuning_agent.blocking import STALL_SECONDS, Offenders, place_of_thread
from fastapi_tuning_agent.executor import ResizableExecutor
from fastapi_tuning_agent.heartbeat import Heartbeat
from fastapi_tuning_agent.knob import Knob
from fastapi_tuning_agent.settings import Settings
from fastapi_tuning_agent.traffic import Traffic
from fastapi_tuning_agent.uvicorn_server import UvicornServer

if TYPE_CHECKING:
    from fastapi_tuning_agent.thread_pool import ThreadPool

_log = logging.getLogger("fastapi_tuning_agent")
_numbers = itertools.count()


class LoopAgent:
    """One event loop: its pool, its executor, its lag, and the apps and servers that run in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.name = f"loop {next(_numbers)}"
        """No other has had it, in this process."""
        self.users = 0
        """How many servers and apps said that they run here."""
        self.heartbeat = Heartbeat(loop)
        self.offenders = Offenders()
        self.thread_pool: ThreadPool | None = None
        """None until the loop's pool is known."""
        self.executor: ResizableExecutor | None = None
        """None where the app has its own."""
        self.servers: tuple[UvicornServer, ...] = ()
        self.traffics: tuple[Traffic, ...] = ()
        self.generation = 0
        """Of the settings in force."""
        self.applied_at: float | None = None
        """Since when, as Unix time; None while none are."""
        self.cpu_ratio = 0.0
        self._cpu = _CpuClock()
        self._thread_id = threading.get_ident()
        self._pool_knob: Knob | None = None
        self._executor_knob: Knob | None = None
        self._took_executor = False
        self._stalled_until = 0.0

    def admit(self, traffic: Traffic) -> None:
        """Counts and limits the requests of an app that runs in this loop."""
        self.traffics += (traffic,)

    def serve(self, server: Any) -> None:
        self.servers += (UvicornServer(server),)

    def is_serving(self, server: object) -> bool:
        return any(known.is_of(server) for known in self.servers)

    def forget(self, server: Any) -> None:
        self.servers = tuple(known for known in self.servers if not known.is_of(server))

    def take_executor(self) -> None:
        """Puts in a default executor that can be resized, once, and unless the app has one of its own."""
        if self._took_executor:
            return
        self._took_executor = True
        current = getattr(self.loop, "_default_executor", None)  # uvloop does not show it
        if current is not None and not isinstance(current, ResizableExecutor):
            return
        executor = current or ResizableExecutor()
        self.executor = executor
        self._executor_knob = Knob(lambda: executor.limit, executor.resize)
        replace = self.loop.set_default_executor
        replace(executor)

        def replaced(other: Any) -> None:
            self.executor = self._executor_knob = None
            replace(other)

        self.loop.set_default_executor = replaced  # type: ignore[method-assign, assignment]

    def take_pool(self, pool: ThreadPool) -> None:
        self.thread_pool = pool
        self._pool_knob = Knob(lambda: pool.limit, pool.resize)

    async def find_pool(self) -> None:
        if self.thread_pool is None:
            from fastapi_tuning_agent.thread_pool import ThreadPool

            self.take_pool(await ThreadPool.of_this_loop())

    def apply(self, settings: Settings) -> None:
        """Brings the settings into force. A part that fails is logged, and the others are applied all the same."""
        if self._pool_knob is not None:
            _guarded(self._pool_knob.turn, settings.threads)
        if self._executor_knob is not None:
            _guarded(self._executor_knob.turn, settings.executor_threads)
        for server in self.servers:
            _guarded(server.apply, settings)
        for traffic in self.traffics:
            traffic.hold_to(settings)
        if settings.generation != self.generation:
            self.applied_at = time.time() if settings.generation > 0 else None
        self.generation = settings.generation

    def look_for_stall(self, now: float) -> None:
        """Blames whoever runs in the loop's thread while it is late. From another thread, some ten times a second."""
        overdue_seconds = self.heartbeat.overdue_seconds(now)
        if overdue_seconds < STALL_SECONDS:
            return
        place = place_of_thread(self._thread_id)
        if place is not None:
            # The first look at a stall blames for all of it so far, each further look for the time since the last.
            self.offenders.add(place, min(overdue_seconds, now - self._stalled_until))
        self._stalled_until = now

    def measure_cpu(self, now: float) -> None:
        """From another thread, at each look."""
        self.cpu_ratio = self._cpu.ratio_since_last(now)

    @property
    def cpu_seconds(self) -> float | None:
        """CPU time of the loop's thread; None where the platform does not tell. From any thread."""
        return self._cpu.seconds()


class _CpuClock:
    """CPU time of the thread that makes it, readable from every thread for as long as that thread lives."""

    def __init__(self) -> None:
        clock_of_thread = getattr(time, "pthread_getcpuclockid", None)  # not on macOS
        self._clock: int | None = None if clock_of_thread is None else clock_of_thread(threading.get_ident())
        self._last: tuple[float, float] | None = None

    def seconds(self) -> float | None:
        if self._clock is None:
            return None
        try:
            return time.clock_gettime(self._clock)
        except OSError:  # the thread has ended
            return None

    def ratio_since_last(self, now: float) -> float:
        used, last = self.seconds(), self._last
        if used is None:
            return 0.0
        self._last = (now, used)
        return 0.0 if last is None or now <= last[0] else (used - last[1]) / (now - last[0])


def _guarded(turn: Callable[[Any], None], value: Any) -> None:
    try:
        turn(value)
    except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
        _log.exception("the tuning agent could not apply a setting; the app goes on as it was")
