"""How late the loop is: overdue while it stalls, and counted afterwards."""

import asyncio
import time

from fastapi_tuning_agent.heartbeat import Heartbeat

STALL_SECONDS = 0.2
"""Twice the beat, so that every beat is late by at least one."""
LATE_SECONDS = 0.05


async def beating() -> Heartbeat:
    heartbeat = Heartbeat(asyncio.get_running_loop())
    heartbeat.start()
    return heartbeat


def stall() -> None:
    time.sleep(STALL_SECONDS)


async def next_turn() -> None:
    """Let the loop run the timers that are due."""
    await asyncio.sleep(0.001)


async def test_a_stall_is_seen_while_it_lasts_and_counted_when_it_is_over() -> None:
    heartbeat = await beating()
    stall()
    assert heartbeat.overdue_seconds(time.monotonic()) >= LATE_SECONDS
    await next_turn()
    assert heartbeat.overdue_seconds(time.monotonic()) < LATE_SECONDS
    assert heartbeat.lags.sum_seconds >= LATE_SECONDS
    heartbeat.stop()


async def test_a_stopped_heart_is_never_overdue() -> None:
    heartbeat = await beating()
    heartbeat.stop()
    assert heartbeat.overdue_seconds(time.monotonic() + 60) == 0.0
