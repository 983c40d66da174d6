"""Sends requests when they are due and waits for their answers beside that, never before the next request."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from fastapi_tuning.load.arrivals import Arrival
from fastapi_tuning.load.tally import Outcome

STOP_CHECK_SECONDS = 0.5


class Listener(Protocol):
    """Is told what happens. Seconds count from the time the request was due."""

    def offered(self, arrival: Arrival, lag_seconds: float) -> None: ...

    def finished(self, arrival: Arrival, outcome: Outcome, latency_seconds: float) -> None: ...


async def offer(
    due: Iterable[Arrival],
    request: Callable[[], Awaitable[Outcome]],
    listener: Listener,
    *,
    max_in_flight: int,
    stop: asyncio.Event,
) -> float:
    """Starts `request` at each arrival's time, counted from now, and returns when the last one has finished.

    With `max_in_flight` requests open the next one is not sent but is an error at once. Once `stop` is set it
    offers no more, and still waits for what it has sent. The answer is after how many seconds that was; infinite if
    it was not.
    """
    clock = asyncio.get_running_loop().time
    started = clock()
    in_flight: set[asyncio.Task[None]] = set()

    def late_by(arrival: Arrival) -> float:
        return clock() - started - arrival.at_seconds

    async def wait_until_due(arrival: Arrival) -> None:
        await asyncio.sleep(0)  # also when it is late: answers must be read while the generator catches up
        while (seconds := -late_by(arrival)) > 0 and not stop.is_set():  # noqa: ASYNC110 - waiting for an event costs a task each time
            await asyncio.sleep(min(seconds, STOP_CHECK_SECONDS))

    async def send(arrival: Arrival) -> None:
        outcome = await request()
        listener.finished(arrival, outcome, late_by(arrival))

    offered_seconds = math.inf
    for arrival in due:
        await wait_until_due(arrival)
        if stop.is_set():
            offered_seconds = clock() - started
            break
        listener.offered(arrival, late_by(arrival))
        if len(in_flight) >= max_in_flight:
            listener.finished(arrival, Outcome.ERROR, late_by(arrival))
            continue
        task = asyncio.create_task(send(arrival))
        in_flight.add(task)
        task.add_done_callback(in_flight.discard)
    await asyncio.gather(*in_flight)
    return offered_seconds
