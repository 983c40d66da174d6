"""An executor for the event loop's default whose number of threads can change while it works.

It serves `asyncio.to_thread`, `run_in_executor(None, …)` and name look-ups. Python's own cannot shrink, and uvloop does
not show the one it has.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from fastapi_tuning_agent.busy_time import BusyTime
from fastapi_tuning_agent.histogram import WAIT_EDGES, Histogram

_T = TypeVar("_T")
MAX_THREADS = 1000


class ResizableExecutor(ThreadPoolExecutor):
    """Its own queue in front of Python's executor, of whose threads at most `limit` work at a time."""

    def __init__(self) -> None:
        # Named as asyncio names its own: whoever looks for these threads finds them.
        super().__init__(max_workers=MAX_THREADS, thread_name_prefix="asyncio")
        self._limit = _default_limit()
        self._queue: deque[_Call] = deque()
        self._working = 0
        self._closed = False
        self._change = threading.Lock()
        self.waits = Histogram(WAIT_EDGES)
        """How long each call waited for its thread."""
        self.busy_time = BusyTime(time.monotonic, busy=0)

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def busy(self) -> int:
        return self._working

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def resize(self, threads: int) -> None:
        """Raising starts waiting calls at once, shrinking lets running calls finish. From any thread."""
        with self._change:
            self._limit = threads
            starts = min(len(self._queue), threads - self._working)
            for _ in range(starts):
                self._start_worker()

    def submit(self, fn: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        call = _Call(fn, args, kwargs)
        with self._change:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._queue.append(call)
            if self._working < self._limit:
                self._start_worker()
        return call.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as Python's
        """Calls that wait are still run, unless `cancel_futures`."""
        with self._change:
            self._closed = True
            while cancel_futures and self._queue:
                self._queue.pop().future.cancel()
        super().shutdown(wait=wait)

    def _start_worker(self) -> None:
        super().submit(self._work)  # before it is counted: after Python's own shutdown this raises
        self._working += 1
        self.busy_time.change(busy=self._working)

    def _work(self) -> None:
        finished = 0
        while (call := self._next(finished)) is not None:
            call.run()
            finished = 1

    def _next(self, finished: int) -> _Call | None:
        """The next call for this thread; None when there is none or there are too many threads."""
        with self._change:
            call = self._queue.popleft() if self._queue and self._working <= self._limit else None
            if call is None:
                self._working -= 1
            else:
                self.waits.observe(time.monotonic() - call.asked)
            self.busy_time.change(busy=self._working, finished_calls=finished)
            return call


class _Call:
    """What was asked, and the future of its result."""

    __slots__ = ("args", "asked", "fn", "future", "kwargs")

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.future: Future[Any] = Future()
        self.fn, self.args, self.kwargs = fn, args, kwargs
        self.asked = time.monotonic()

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.fn(*self.args, **self.kwargs)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the future
            self.future.set_exception(error)
        else:
            self.future.set_result(result)
        # As Python's own: a thread that waits for work must not keep the last call's objects alive.
        del self.fn, self.args, self.kwargs


def _default_limit() -> int:
    """As many threads as Python's own executor would have had: it depends on the version and the CPUs."""
    plain = ThreadPoolExecutor()
    plain.shutdown(wait=False)
    return int(getattr(plain, "_max_workers", 32))
