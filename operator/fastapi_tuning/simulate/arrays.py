"""The simulated cluster as tables of records, in the form that compiled code takes.

Each table is a numpy structured array; the classes name the fields of its records. Seconds throughout.
"""

from collections.abc import Hashable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar, cast, get_type_hints

import numpy as np
from numpy.typing import NDArray

NOBODY = -1
OPEN, GOOD, LATE, FAILED, SHED = 0, 1, 2, 3, 4
"""What became of a request, as the client sees it."""
STARTING, READY, TERMINATING, GONE = 0, 1, 2, 3
"""States of a pod."""
LOCK, CALLBACKS, TOKENS, POOL, QUEUES_PER_POD = range(5)
"""A pod's queues: for the interpreter's lock, the event loop, a thread token, a database connection."""
DATABASE_QUEUE = 0


class Work:
    """What a request brings with it; connection and pod are uniform in [0, 1), lifetime is exponential of mean 1."""

    time: float
    cpu: float
    wait: float
    query: float
    connection: float
    pod: float
    lifetime: float
    tokens: int
    in_loop: bool
    error: bool


class Fate:
    """What became of a request. `latency` is NaN while nobody knows, and for shed ones."""

    arrival: float
    latency: float
    connection: int
    outcome: int


class Setup:
    """Constants of a run. `framework` is the CPU time of the event loop before, and again after an endpoint."""

    objective: float
    patience: float
    framework: float
    contention: float
    warmup: float
    warmup_factor: float
    lag_limit: float
    lifetime: float
    server_contention: float
    servers: int
    pool: int


class Request:
    """A request in the cluster, by slot. `entered`: when the app first saw it, after the wait for the event loop."""

    pod: int
    number: int
    phase: int
    stages: int
    entered: float
    cpu: float
    left: float
    wait: float
    query: float
    in_loop: bool
    error: bool


class Pod:
    """A pod, by number. The event loop waits for the lock in `loop_slot`, like a request that computes."""

    state: int
    threads: int
    limit: int
    busy: int
    in_flight: int
    present: int
    pool_used: int
    running: int
    loop_slot: int
    waiting_threads: int
    runnable: int
    loop_active: bool
    slice: float
    callback_left: float
    turn_used: float
    busy_since: float
    present_since: float
    ready_at: float
    speed: float
    started: float
    served: float
    latency_seconds: float
    errors: float
    cpu_seconds: float
    refused: float
    thread_seconds: float
    present_seconds: float


class Event:
    """`what` is the slot of a request, or -1 - pod for the end of a slice of a pod's core."""

    time: float
    what: int


class Connection:
    """A keep-alive connection and the pod it goes to."""

    pod: int
    until: float
    since: float


class Totals:
    """Lengths and positions. `oldest` is the number of the oldest request whose client may still give up."""

    events: int
    free: int
    ready: int
    queries: int
    queries_waiting: int
    oldest: int


Record = TypeVar("Record")
Record_co = TypeVar("Record_co", covariant=True)


class Table(Protocol[Record_co]):
    """A structured array, as far as compiled code uses it."""

    def __getitem__(self, place: int, /) -> Record_co: ...
    def __len__(self) -> int: ...


class World(NamedTuple):
    """All that the inner loop needs. `setup` and `totals` have one record."""

    setup: Table[Setup]
    totals: Table[Totals]
    requests: Table[Request]
    pods: Table[Pod]
    events: Table[Event]
    connections: Table[Connection]
    fates: Table[Fate]
    queues: NDArray[np.int64]
    """(first, last) slot of each queue."""
    following: NDArray[np.int64]
    """By slot: who comes after it in its queue. A slot is in one queue at most."""
    free: NDArray[np.int64]
    ready: NDArray[np.int64]
    edges: NDArray[np.float64]
    buckets: NDArray[np.float64]
    """(pod, bucket) → requests, not cumulative; the last bucket is +Inf."""


_TYPES: Mapping[type, str] = MappingProxyType({int: "i8", float: "f8", bool: "?"})


@cache
def _layout(record: Hashable) -> np.dtype[np.void]:
    return np.dtype([(name, _TYPES[kind]) for name, kind in get_type_hints(record).items()], align=True)


def table(record: type[Record], length: int) -> Table[Record]:
    """Zeros."""
    return cast(Table[Record], np.zeros(length, dtype=_layout(cast(Hashable, record))).view(np.recarray))


def column(records: Table[Any], name: str) -> NDArray[Any]:
    """One field of all records, as an array that shares their memory."""
    return cast(NDArray[np.void], records)[name]
