"""The executor against what asyncio and concurrent.futures expect of one."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fastapi_tuning_agent.executor import ResizableExecutor
from fastapi_tuning_agent.loop_agent import LoopAgent


@pytest.fixture
def executor() -> Iterator[ResizableExecutor]:
    executor = ResizableExecutor()
    yield executor
    executor.shutdown()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_has_at_first_the_size_of_pythons_own(executor: ResizableExecutor) -> None:
    async def threads_of_asyncio() -> object:
        await asyncio.to_thread(int)
        return asyncio.get_running_loop()._default_executor._max_workers  # type: ignore[attr-defined]

    assert executor.limit == asyncio.run(threads_of_asyncio())


def test_runs_no_more_than_the_limit_and_the_rest_when_it_is_raised(executor: ResizableExecutor) -> None:
    executor.resize(2)
    gate = threading.Event()
    calls = [executor.submit(gate.wait, 5) for _ in range(6)]
    until(lambda: executor.busy == 2 and executor.waiting == 4)
    executor.resize(5)
    until(lambda: executor.busy == 5 and executor.waiting == 1)
    gate.set()
    assert all(call.result(5) for call in calls)
    until(lambda: executor.busy == 0)
    assert executor.busy_time.calls() == 6
    assert sum(executor.waits.buckets[1]) == 6


def test_a_lower_limit_lets_running_calls_finish_and_holds_for_the_next(executor: ResizableExecutor) -> None:
    executor.resize(4)
    gates = [threading.Event() for _ in range(6)]
    calls = [executor.submit(gate.wait, 5) for gate in gates]
    until(lambda: executor.busy == 4)
    executor.resize(1)
    for gate in gates[:3]:
        gate.set()
    until(lambda: executor.busy == 1 and executor.waiting == 2)
    for gate in gates:
        gate.set()
    assert all(call.result(5) for call in calls)


def test_calls_start_in_the_order_they_were_asked_for(executor: ResizableExecutor) -> None:
    executor.resize(1)
    order: list[int] = []
    calls = [executor.submit(order.append, number) for number in range(50)]
    for call in calls:
        call.result(5)
    assert order == list(range(50))


def test_an_error_goes_to_whoever_waits_and_the_thread_works_on(executor: ResizableExecutor) -> None:
    executor.resize(1)
    with pytest.raises(ZeroDivisionError):
        executor.submit(divmod, 1, 0).result(5)
    assert executor.submit(divmod, 7, 2).result(5) == (3, 1)


def test_a_call_cancelled_while_it_waits_is_never_run(executor: ResizableExecutor) -> None:
    executor.resize(1)
    gate = threading.Event()
    ran: list[int] = []
    running = executor.submit(gate.wait, 5)
    waiting = executor.submit(ran.append, 1)
    assert waiting.cancel()
    gate.set()
    assert running.result(5)
    until(lambda: executor.busy == 0)
    assert ran == []


def test_shutdown_runs_what_waits_and_refuses_what_comes() -> None:
    executor = ResizableExecutor()
    executor.resize(1)
    calls = [executor.submit(time.sleep, 0.01) for _ in range(5)]
    executor.shutdown()
    assert all(call.done() for call in calls)
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(int)


def test_shutdown_can_cancel_what_waits() -> None:
    executor = ResizableExecutor()
    executor.resize(1)
    gate = threading.Event()
    running = executor.submit(gate.wait, 5)
    until(running.running)
    waiting = executor.submit(int)
    executor.shutdown(wait=False, cancel_futures=True)
    gate.set()
    assert running.result(5)
    assert waiting.cancelled()


def test_asyncio_takes_it_as_its_default_and_closes_it() -> None:
    async def main() -> str:
        asyncio.get_running_loop().set_default_executor(ResizableExecutor())
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    assert asyncio.run(main()).startswith("asyncio")


async def test_an_executor_of_the_apps_own_is_left_alone() -> None:
    agent = LoopAgent(asyncio.get_running_loop())
    agent.take_executor()
    assert agent.executor is not None
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="own"))
    agent.take_executor()
    assert agent.executor is None
    assert (await asyncio.to_thread(lambda: threading.current_thread().name)).startswith("own")
