"""Looks again and again at what every thread of this process does: running, or waiting, and where.

A thread of the interpreter sees the others only while it holds the interpreter's lock, so whoever has just been running
is then waiting for that lock. Hence three steps for each sample:

1. Ask for the lock at a random moment, with a short switch interval. With Python's own 5 ms the lock would mostly come
   when the running thread gives it up to wait for something, and a loop that is half busy would look idle.
2. Read the stacks, those that may be running first: after another switch interval the lock may be taken away.
3. Give the lock up for a moment. Whose CPU clock then moves was running.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from fastapi_tuning_agent.stacks import Codes, Place, Stack
from fastapi_tuning_agent.thread_clock import cpu_seconds

RUNNING, WAITING, IDLE, UNCLEAR = "Running", "Waiting", "Idle", "Unclear"
MAX_CPU_SHARE = 0.02
"""Of one core: where samples cost more than this, there are fewer."""
MAX_STACKS = 4000
MAX_THREADS = 1000
OWN_THREADS = "fastapi-tuning"
REST = Place("", "(more stacks than are kept)", 0, 0)

_SWITCH_INTERVAL_SECONDS = 1e-4
_AT_RANDOM_SECONDS = (0.0005, 0.004)
_PROBE_SECONDS = 1e-4
_MOVED_SECONDS = 1e-5
"""A thread that waits for the lock spends a few microseconds on that."""


class Sampler:
    """Run it in a thread of its own; ask it for the profile when it has ended."""

    def __init__(self, seconds: float, per_second: float, cancelled: threading.Event) -> None:
        self._asked_seconds, self._per_second, self._cancelled = seconds, per_second, cancelled
        self._codes = Codes()
        self._threads: dict[tuple[int, int | None], _Thread] = {}
        self._seconds: dict[tuple[_Thread, str, Stack], float] = {}
        self._samples = 0
        self._sampled_seconds = self._own_cpu_seconds = 0.0
        self._cost = _Cost()

    def run(self) -> None:
        """Samples until the time is over or the profile is cancelled."""
        self._meet_threads()
        started = last = time.monotonic()
        own_cpu = cpu_before = time.thread_time()
        begun = started
        while last - started < self._asked_seconds:
            due = begun + random.uniform(0.5, 1.5) * self._cost.period_seconds(self._per_second)
            if self._cancelled.wait(max(0.0, min(due, started + self._asked_seconds) - time.monotonic())):
                break
            begun = time.monotonic()
            last = self._sample(last)
            cpu_after = time.thread_time()
            self._cost.add(cpu_after - cpu_before)
            cpu_before = cpu_after
        for thread in self._threads.values():
            thread.read_clock()
        self._sampled_seconds = last - started
        self._own_cpu_seconds = time.thread_time() - own_cpu

    def _meet_threads(self) -> None:
        """Their CPU counts from now on."""
        named = {thread.ident: thread for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            self._thread(ident, named, self._codes.stack_of(frame))

    def _sample(self, last: float) -> float:
        """One look at all threads; what it sees counts for the time since the last, which ends when it returns."""
        moving: list[tuple[_Thread, Stack, float | None]] = []
        with _short_switch_interval():
            time.sleep(random.uniform(*_AT_RANDOM_SECONDS))
            frames = sys._current_frames()
            now = time.monotonic()
            still = {ident: frames.pop(ident) for ident, frame in tuple(frames.items()) if self._codes.waits(frame)}
            seen = {ident: self._codes.stack_of(frame) for ident, frame in frames.items()}
        frames.clear()
        named = {thread.ident: thread for thread in threading.enumerate()}
        for ident, stack in seen.items():
            if (thread := self._thread(ident, named, stack)) is not None:
                moving.append((thread, stack, thread.read_clock()))
        self._note_waiting(still, named, now - last)
        time.sleep(_PROBE_SECONDS)
        for thread, stack, before in moving:
            self._note(thread, self._state(thread, before, stack), stack, now - last)
        self._samples += 1
        return now

    def _note_waiting(
        self, still: dict[int, FrameType], named: dict[int | None, threading.Thread], seconds: float
    ) -> None:
        for ident, frame in still.items():
            stack = self._codes.stack_of(frame)
            if (thread := self._thread(ident, named, stack)) is not None:
                self._note(thread, IDLE if self._codes.is_idle_worker(stack) else WAITING, stack, seconds)
        still.clear()

    def _state(self, thread: _Thread, before: float | None, stack: Stack) -> str:
        after = thread.read_clock()
        if before is None or after is None:
            return UNCLEAR
        return RUNNING if after - before > _MOVED_SECONDS else WAITING

    def _thread(self, ident: int, named: dict[int | None, threading.Thread], stack: Stack) -> _Thread | None:
        """None for our own, for those that begin or end just now, and where there are too many."""
        known = named.get(ident)
        if known is None and self._codes.is_of_python(stack):
            return None
        name = f"thread {ident}" if known is None else known.name
        if name.startswith(OWN_THREADS):
            return None
        key = (ident, None if known is None else known.native_id)  # an ident is given anew when a thread has ended
        thread = self._threads.get(key)
        if thread is None and len(self._threads) < MAX_THREADS:
            thread = self._threads[key] = _Thread(name, key[1])
        return thread

    def _note(self, thread: _Thread, state: str, stack: Stack, seconds: float) -> None:
        key = (thread, state, stack)
        if key not in self._seconds and len(self._seconds) >= MAX_STACKS:
            key = (thread, state, ())
        self._seconds[key] = self._seconds.get(key, 0.0) + seconds

    def profile(self) -> dict[str, Any]:
        """As JSON: threads, places, and seconds by thread, state and stack of places, outermost first."""
        threads = {thread: index for index, thread in enumerate(self._threads.values())}
        places: dict[Place, int] = {}
        stacks = [
            [
                threads[thread],
                state,
                round(seconds, 6),
                [places.setdefault(place, len(places)) for place in self._codes.places(stack) or [REST]],
            ]
            for (thread, state, stack), seconds in self._seconds.items()
        ]
        return {
            "seconds": round(self._sampled_seconds, 6),
            "samples": self._samples,
            "samplerCpuSeconds": round(self._own_cpu_seconds, 6),
            "threads": [{"name": thread.shown_name, "cpuSeconds": thread.cpu_seconds} for thread in threads],
            "places": [list(place) for place in places],
            "stacks": stacks,
        }


class _Thread:
    """A thread of the app, and its CPU time from when it was first seen."""

    def __init__(self, name: str, native_id: int | None) -> None:
        self._name, self._native_id = name, native_id
        self._first = self._last = cpu_seconds(native_id)

    def read_clock(self) -> float | None:
        now = cpu_seconds(self._native_id)
        if now is not None:
            self._last = now
        return now

    @property
    def shown_name(self) -> str:
        return self._name[:80].encode(errors="replace").decode()

    @property
    def cpu_seconds(self) -> float | None:
        """None where it cannot be known."""
        return None if self._first is None or self._last is None else round(self._last - self._first, 6)


class _Cost:
    """CPU of a sample, the latest ones above all."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def add(self, seconds: float) -> None:
        self._seconds += 0.2 * (seconds - self._seconds) if self._seconds else seconds

    def period_seconds(self, per_second: float) -> float:
        """From the begin of one sample to that of the next, on average."""
        return max(1 / per_second, self._seconds / MAX_CPU_SHARE)


@contextmanager
def _short_switch_interval() -> Iterator[None]:
    own = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
    short = sys.getswitchinterval()
    try:
        yield
    finally:
        if sys.getswitchinterval() == short:  # else the app has set another meanwhile
            sys.setswitchinterval(own)
