"""How late the loop is, as admission asks: late twice in a row, or not late."""

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


async def stall() -> None:
    """Keep the loop busy, then let it run the timers that are due."""
    time.sleep(STALL_SECONDS)  # noqa: ASYNC251 - the stall that is to be seen
    await asyncio.sleep(0.001)


async def test_a_loop_that_stalls_once_is_not_late() -> None:
    heartbeat = await beating()
    await stall()
    assert heartbeat.lag_seconds(time.monotonic()) < LATE_SECONDS
    heartbeat.stop()


async def test_a_loop_that_stalls_again_and_again_is_late() -> None:
    heartbeat = await beating()
    for _ in range(3):
        await stall()
    assert heartbeat.lag_seconds(time.monotonic()) >= LATE_SECONDS
    heartbeat.stop()


async def test_a_stopped_heart_is_never_overdue() -> None:
    heartbeat = await beating()
    heartbeat.stop()
    assert heartbeat.overdue_seconds(time.monotonic() + 60) == 0.0
