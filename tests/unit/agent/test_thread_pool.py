"""The pool against the real AnyIO."""

import asyncio
import math
import threading
from collections.abc import Callable

import anyio
import pytest
from anyio import to_thread

from fastapi_tuning_agent.thread_pool import ThreadPool


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not condition():  # noqa: ASYNC110 - AnyIO tells nobody when a token is taken
            await anyio.sleep(0.002)


async def call(work: Callable[[], object]) -> None:
    await to_thread.run_sync(work)


async def test_a_new_pool_has_the_forty_threads_of_anyio() -> None:
    pool = await ThreadPool.of_this_loop()
    assert (pool.limit, pool.busy, pool.waiting) == (40, 0, 0)


async def test_resizes_the_limiter_that_endpoints_use() -> None:
    (await ThreadPool.of_this_loop()).resize(7)
    assert to_thread.current_default_thread_limiter().total_tokens == 7


async def test_sees_busy_threads_and_waiting_calls() -> None:
    pool = await ThreadPool.of_this_loop()
    pool.resize(4)
    gate = threading.Event()
    async with anyio.create_task_group() as calls:
        for _ in range(6):
            calls.start_soon(call, gate.wait)
        await until(lambda: pool.waiting == 2)
        assert pool.busy == 4
        gate.set()
    assert (pool.busy, pool.waiting) == (0, 0)


async def test_counts_each_call_once_whether_it_waited_or_not() -> None:
    pool = await ThreadPool.of_this_loop()
    pool.resize(4)
    async with anyio.create_task_group() as calls:
        for _ in range(25):
            calls.start_soon(call, threading.get_ident)
    assert pool.busy_time is not None
    assert pool.busy_time.calls() == 25
    assert pool.busy_time.busy() == 0


async def test_counts_a_call_that_fails() -> None:
    pool = await ThreadPool.of_this_loop()
    with pytest.raises(ValueError, match=r"math domain|nonnegative"):
        await to_thread.run_sync(math.sqrt, -1)
    assert pool.busy_time is not None
    assert (pool.busy_time.calls(), pool.busy_time.busy()) == (1, 0)


async def test_does_not_count_a_call_cancelled_while_it_waited() -> None:
    pool = await ThreadPool.of_this_loop()
    pool.resize(4)
    gate = threading.Event()
    async with anyio.create_task_group() as calls:
        for _ in range(4):
            calls.start_soon(call, gate.wait)
        await until(lambda: pool.busy == 4)
        with anyio.move_on_after(0.01):
            await to_thread.run_sync(gate.wait)
        gate.set()
    assert pool.busy_time is not None
    assert (pool.busy_time.calls(), pool.busy_time.busy()) == (4, 0)


async def test_busy_time_is_the_time_that_calls_held_a_thread_without_their_wait() -> None:
    pool = await ThreadPool.of_this_loop()
    pool.resize(4)
    started = asyncio.get_running_loop().time()
    async with anyio.create_task_group() as calls:
        for _ in range(8):
            calls.start_soon(call, lambda: threading.Event().wait(0.05))
    elapsed = asyncio.get_running_loop().time() - started
    assert pool.busy_time is not None
    assert 8 * 0.05 <= pool.busy_time.busy_seconds() <= 4 * elapsed


async def test_statistics_can_be_read_from_another_thread_while_calls_come_and_go() -> None:
    pool = await ThreadPool.of_this_loop()
    assert pool.busy_time is not None
    read: list[tuple[int, int, float]] = []
    stop = threading.Event()

    def read_on() -> None:
        while not stop.is_set():
            assert pool.busy_time is not None
            read.append((pool.busy, pool.waiting, pool.busy_time.busy_seconds()))

    reader = asyncio.create_task(asyncio.to_thread(read_on))
    for _ in range(20):
        async with anyio.create_task_group() as calls:
            for _ in range(60):
                calls.start_soon(call, threading.get_ident)
    stop.set()
    await reader
    totals = [busy_seconds for _, _, busy_seconds in read]
    assert read
    assert totals == sorted(totals)
    assert all(0 <= busy <= 40 for busy, _, _ in read)


async def test_pools_of_two_loops_are_counted_apart() -> None:
    here = await ThreadPool.of_this_loop()

    async def call_once() -> ThreadPool:
        pool = await ThreadPool.of_this_loop()
        await to_thread.run_sync(threading.get_ident)
        return pool

    there = await asyncio.to_thread(asyncio.run, call_once())
    assert here.busy_time is not None
    assert there.busy_time is not None
    assert (here.busy_time.calls(), there.busy_time.calls()) == (0, 1)
