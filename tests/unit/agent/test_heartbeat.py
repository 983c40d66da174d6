"""How late the loop is, as admission asks: late in this turn and in the one before, or not late."""

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


async def test_a_loop_that_stalls_once_is_not_late() -> None:
    heartbeat = await beating()
    stall()
    assert heartbeat.lag_seconds(time.monotonic()) < LATE_SECONDS
    await next_turn()
    assert heartbeat.lag_seconds(time.monotonic()) < LATE_SECONDS
    heartbeat.stop()


async def test_a_loop_that_stalls_turn_after_turn_is_late_as_soon_as_the_second_turn_is() -> None:
    heartbeat = await beating()
    stall()
    await next_turn()
    stall()
    assert heartbeat.lag_seconds(time.monotonic()) >= LATE_SECONDS
    heartbeat.stop()


async def test_after_two_late_turns_the_next_is_half_as_late_from_its_beginning() -> None:
    heartbeat = await beating()
    for _ in range(2):
        stall()
        await next_turn()
    assert LATE_SECONDS / 2 <= heartbeat.lag_seconds(time.monotonic()) < STALL_SECONDS
    heartbeat.stop()


async def test_a_stopped_heart_is_never_overdue() -> None:
    heartbeat = await beating()
    heartbeat.stop()
    assert heartbeat.overdue_seconds(time.monotonic() + 60) == 0.0
