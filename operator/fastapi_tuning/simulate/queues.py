"""A heap of events and first-come-first-served queues over slots, compiled."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit
from numpy import int64
from numpy.typing import NDArray

from fastapi_tuning.simulate.arrays import NOBODY, World

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def inlined(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorator: part of a compiled function. A call would hand over a dozen tables and count references to each."""
    return cast(Callable[Parameters, Result], njit(forceinline=True)(function))


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorator: machine code, made at the first call and kept beside the source file."""
    return cast(Callable[Parameters, Result], njit(cache=True)(function))


@inlined
def push_event(world: World, time: float, what: int) -> None:
    """Binary heap, the earliest on top."""
    events, totals = world.events, world.totals[0]
    place = totals.events
    totals.events += 1
    while place > 0:
        parent = (place - 1) >> 1
        if events[parent].time <= time:
            break
        events[place].time, events[place].what = events[parent].time, events[parent].what
        place = parent
    events[place].time, events[place].what = time, what


@inlined
def pop_event(world: World) -> int:
    """What happens next; there must be something."""
    events, totals = world.events, world.totals[0]
    first = events[0].what
    totals.events -= 1
    size = totals.events
    time, what = events[size].time, events[size].what
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and events[child + 1].time < events[child].time:
            child += 1
        if events[child].time >= time:
            break
        events[place].time, events[place].what = events[child].time, events[child].what
        place = child
    events[place].time, events[place].what = time, what
    return first


@inlined
def enqueue(queues: NDArray[int64], following: NDArray[int64], queue: int, slot: int) -> None:
    """At the end of the queue."""
    following[slot] = NOBODY
    if queues[queue, 0] == NOBODY:
        queues[queue, 0] = slot
    else:
        following[queues[queue, 1]] = slot
    queues[queue, 1] = slot


@inlined
def dequeue(queues: NDArray[int64], following: NDArray[int64], queue: int) -> int:
    """The first of the queue; there must be one."""
    slot = queues[queue, 0]
    queues[queue, 0] = following[slot]
    return int(slot)
