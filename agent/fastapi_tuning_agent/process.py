"""The agent of this process: which loops there are, what is asked of them, and the thread that looks after both."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import threading
import time
from collections.abc import Callable

from fastapi_tuning_agent import report
from fastapi_tuning_agent.catalogue import Snapshot
from fastapi_tuning_agent.connection_pools import POOLS
from fastapi_tuning_agent.environment import options_from
from fastapi_tuning_agent.ledger import Ledger
from fastapi_tuning_agent.loop_agent import LoopAgent
from fastapi_tuning_agent.outbound import OUTBOUND
from fastapi_tuning_agent.page import Page
from fastapi_tuning_agent.profiler import Profiler
from fastapi_tuning_agent.retirement import Phase, Retirement
from fastapi_tuning_agent.settings import Settings
from fastapi_tuning_agent.traffic import Traffic
from fastapi_tuning_agent.wishes import Wishes

_log = logging.getLogger("fastapi_tuning_agent")

TICK_SECONDS = 0.1
LOOK_SECONDS = 0.5


class Process:
    """One of it in a process. Loops come and go in their own threads; a thread of ours looks after them."""

    def __init__(self) -> None:
        self._change = threading.Lock()
        self._loops: tuple[LoopAgent, ...] = ()
        self._traffics: tuple[Traffic, ...] = ()
        self._thread: threading.Thread | None = None
        self._page: Page | None = None
        self._wishes = Wishes()
        self._profiler = Profiler()
        self._in_force = Settings()
        self._ledger = Ledger()
        self._ledger_use = threading.Lock()
        self._retirement = Retirement(random.random())

    # -- loops: called in their threads ----------------------------------------------------------------------------
    def enter(self) -> LoopAgent:
        """The agent of the running loop. Each call must be matched by one of `leave`."""
        loop = asyncio.get_running_loop()
        agent = self.agent_of(loop)
        if agent is None:
            agent = LoopAgent(loop)
            with self._change:
                self._loops += (agent,)
            self._wishes.read_environment()
            self._wishes.read_file()
            self._in_force = self._wishes.now()
        agent.users += 1
        return agent

    async def start(self, agent: LoopAgent) -> None:
        """After the app's own start-up, so that what is asked wins over what its code says."""
        try:
            await agent.find_pool()
        except ImportError:
            _log.info("AnyIO is not installed: there is no thread pool to tune")
        agent.heartbeat.start()
        agent.apply(self._in_force)
        with self._change:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="fastapi-tuning-agent", daemon=True)
                self._thread.start()

    def leave(self, agent: LoopAgent) -> None:
        agent.users -= 1
        if agent.users == 0:
            agent.heartbeat.stop()
            self._remove(agent)

    def agent_of(self, loop: asyncio.AbstractEventLoop) -> LoopAgent | None:
        return next((agent for agent in self._loops if agent.loop is loop), None)

    def agent_serving(self, server: object) -> LoopAgent | None:
        return next((agent for agent in self._loops if agent.is_serving(server)), None)

    def new_traffic(self) -> Traffic:
        traffic = Traffic()
        self.report_on(traffic)
        return traffic

    def report_on(self, traffic: Traffic) -> None:
        """A second time does nothing; in a forked child it must be said anew."""
        with self._change:
            if traffic not in self._traffics:
                self._traffics += (traffic,)

    # -- what there is to tell: from any thread --------------------------------------------------------------------
    def snapshot(self) -> Snapshot:
        """All of this process. What loops that have ended had counted stays in it."""
        servers = [server for agent in self._loops for server in agent.servers]
        with self._ledger_use:
            return self._ledger.total(
                {
                    "process": report.of_process(servers, self._wishes.errors),
                    "outbound": report.of_outbound(OUTBOUND),
                    "connection pools": report.of_connection_pools(POOLS),
                    **{agent.name: report.of_loop(agent) for agent in self._loops},
                    **{f"app {number}": report.of_traffic(traffic) for number, traffic in enumerate(self._traffics)},
                }
            )

    # -- the thread ------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        page = self._page = self._opened_page()
        next_look = 0.0
        while self._has_loops():
            now = time.monotonic()
            _guarded(self._look_for_stalls, now)
            _guarded(self._look_for_settings)
            _guarded(self._profiler.look, now)
            if now >= next_look:
                next_look = now + LOOK_SECONDS
                _guarded(self._look, now)
            time.sleep(TICK_SECONDS)
        self._profiler.close()
        if page is not None:
            page.close()

    def _opened_page(self) -> Page | None:
        options = options_from(os.environ)
        if options.metrics_port is None:
            return None
        page = Page(options.metrics_host, options.metrics_port, self.snapshot, self._profiler.answer)
        page.open()
        return page

    def _has_loops(self) -> bool:
        for agent in self._loops:
            if agent.loop.is_closed():  # nobody says so where the server is not uvicorn
                self._remove(agent)
        with self._change:
            if not self._loops:
                self._thread = None
            return bool(self._loops)

    def _look_for_stalls(self, now: float) -> None:
        for agent in self._loops:
            agent.look_for_stall(now)

    def _look_for_settings(self) -> None:
        self._wishes.read_file()
        self._bring_into_force(self._wishes.now())

    def _look(self, now: float) -> None:
        for agent in self._loops:
            agent.measure_cpu(now)
        if self._page is not None:
            self._page.take_port_if_free()
        self._retire_if_due(now)

    def _bring_into_force(self, settings: Settings) -> None:
        if settings == self._in_force:
            return
        self._in_force = settings
        for agent in self._loops:
            try:
                agent.loop.call_soon_threadsafe(agent.apply, settings)
            except RuntimeError:  # closed meanwhile
                continue

    def _retire_if_due(self, now: float) -> None:
        settings = self._in_force
        servers = [server for agent in self._loops for server in agent.servers if server.can_be_ended]
        if not servers:
            return
        phase = self._retirement.step(
            now=now,
            requests=sum(traffic.started for traffic in self._traffics),
            max_requests=settings.max_requests,
            drain_seconds=settings.drain_seconds,
        )
        if phase is Phase.DRAINING and self._page is not None and self._page.workers() > 1:
            phase = Phase.ENDING  # the other workers of the pod answer meanwhile
        for traffic in self._traffics:
            traffic.drain(phase is not Phase.SERVING)
        if phase is Phase.ENDING:
            for server in servers:
                server.end()

    def _remove(self, gone: LoopAgent) -> None:
        with self._change:
            self._loops = tuple(agent for agent in self._loops if agent is not gone)

    # -- fork ------------------------------------------------------------------------------------------------------
    def forget_after_fork(self) -> None:
        """In the child: its loops, thread and sockets are the parent's; what was counted is the parent's to tell."""
        if self._page is not None:
            self._page.drop()
        self._profiler.drop()
        self.__init__()  # type: ignore[misc]


def _guarded(step: Callable[..., None], *arguments: float) -> None:
    try:
        step(*arguments)
    except Exception:  # noqa: BLE001 - whatever breaks here, the app must not notice
        _log.debug("the tuning agent failed at a step", exc_info=True)


PROCESS = Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=PROCESS.forget_after_fork)
