"""The sampler on real threads: what runs, what waits, where, and at which cost."""

import _thread
import asyncio
import json
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from fastapi_tuning_agent.sampler import IDLE, MAX_CPU_SHARE, REST, RUNNING, UNCLEAR, WAITING, Sampler, _Cost
from fastapi_tuning_agent.stacks import MAX_DEPTH, Codes
from fastapi_tuning_agent.thread_clock import cpu_seconds

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere CPU times of threads are not known")
NEVER = threading.Event()


@contextmanager
def thread_of(name: str, work: Callable[[threading.Event], object]) -> Iterator[threading.Thread]:
    """Works until the block ends."""
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,), name=name)
    thread.start()
    try:
        yield thread
    finally:
        ended.set()
        thread.join()


def compute(ended: threading.Event) -> None:
    while not ended.is_set():
        sum(range(1000))


def stand_still(ended: threading.Event) -> None:
    ended.wait()


def profile_of(seconds: float = 0.3, per_second: float = 100, cancelled: threading.Event = NEVER) -> dict[str, Any]:
    """Taken in a thread of our own, as the agent does."""
    sampler = Sampler(seconds, per_second, cancelled)
    thread = threading.Thread(target=sampler.run, name="fastapi-tuning-test")
    thread.start()
    thread.join()
    return sampler.profile()


def functions_of(profile: dict[str, Any], thread: str) -> dict[str, dict[str, float]]:
    """Seconds by state and function, of any function in the stack."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for index, state, seconds, places in profile["stacks"]:
        if profile["threads"][index]["name"] == thread:
            for function in {profile["places"][place][1] for place in places}:
                found[state][function] += seconds
    return found


@linux_only
def test_what_computes_runs_and_what_waits_for_a_lock_does_not() -> None:
    with thread_of("busy", compute), thread_of("still", stand_still):
        profile = profile_of()
    assert functions_of(profile, "busy")[RUNNING]["compute"] > 0
    still = functions_of(profile, "still")
    assert still.keys() == {WAITING}
    assert still[WAITING]["stand_still"] == pytest.approx(profile["seconds"], abs=1e-3)


@linux_only
def test_cpu_time_is_the_kernels() -> None:
    with thread_of("busy", compute) as thread:
        before = cpu_seconds(thread.native_id)
        profile = profile_of()
        after = cpu_seconds(thread.native_id)
    assert before is not None
    assert after is not None
    (told,) = [each["cpuSeconds"] for each in profile["threads"] if each["name"] == "busy"]
    assert 0 < told <= round(after - before, 6)  # both in whole microseconds, as the profile tells them


def test_it_sees_a_loop_that_is_blocked_and_by_whom() -> None:
    blocked = threading.Event()

    async def handler(ended: threading.Event) -> None:
        blocked.set()
        ended.wait()  # the mistake: nothing else runs in this loop meanwhile

    with thread_of("loop", lambda ended: asyncio.run(handler(ended))):
        assert blocked.wait(10)
        profile = profile_of()
    seen = functions_of(profile, "loop")
    assert any("handler" in function for function in seen[WAITING])


def test_threads_without_work_are_idle_and_our_own_are_left_out() -> None:
    with ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:
        pool.submit(int).result()
        profile = profile_of()
    assert functions_of(profile, "pool_0").keys() == {IDLE}
    assert not any(thread["name"].startswith("fastapi-tuning") for thread in profile["threads"])


def test_a_thread_that_python_did_not_begin_is_seen_and_not_judged() -> None:
    ended, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        while not ended.is_set():
            sum(range(1000))

    ident = _thread.start_new_thread(work, ())
    assert begun.wait(10)
    try:
        profile = profile_of()
    finally:
        ended.set()
    assert functions_of(profile, f"thread {ident}").keys() == {UNCLEAR}


def test_all_time_of_a_thread_is_accounted_for() -> None:
    with thread_of("busy", compute):
        profile = profile_of()
    total = sum(stack[2] for stack in profile["stacks"] if profile["threads"][stack[0]]["name"] == "busy")
    assert total == pytest.approx(profile["seconds"], abs=1e-3)


def test_a_cancelled_profile_ends_at_once() -> None:
    cancelled = threading.Event()
    cancelled.set()
    assert profile_of(seconds=120, cancelled=cancelled)["samples"] == 0


def test_the_apps_switch_interval_is_put_back() -> None:
    own = sys.getswitchinterval()
    profile_of(seconds=0.1)
    assert sys.getswitchinterval() == own


def test_stacks_beyond_the_most_are_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi_tuning_agent.sampler.MAX_STACKS", 0)
    with thread_of("busy", compute):
        profile = profile_of()
    assert profile["places"] == [list(REST)]
    assert json.loads(json.dumps(profile)) == profile


def test_a_recursion_is_cut_at_its_outer_end() -> None:
    def deep(levels: int) -> int:
        return len(Codes().stack_of(sys._getframe())) if levels == 0 else deep(levels - 1)

    assert deep(2 * MAX_DEPTH) == 2 * MAX_DEPTH  # an id and a line each


def test_where_samples_are_dear_there_are_fewer() -> None:
    cost = _Cost()
    assert cost.period_seconds(50) == 1 / 50
    for _ in range(100):
        cost.add(0.010)
    assert 0.010 / cost.period_seconds(50) == pytest.approx(MAX_CPU_SHARE)


@pytest.mark.parametrize("native_id", [None, 2**22 + 1, 2**40], ids=["none", "beyond Linux's last", "beyond a number"])
def test_the_clock_of_a_thread_that_is_not_there_is_unknown(native_id: int | None) -> None:
    assert cpu_seconds(native_id) is None
