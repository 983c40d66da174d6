"""The pods as a machine: owns the tables of the inner loop, makes room in them, and reads its counters."""

from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fastapi_tuning.simulate import kernel
from fastapi_tuning.simulate.app import AppModel, ClusterModel
from fastapi_tuning.simulate.arrays import (
    GONE,
    NOBODY,
    OPEN,
    QUEUES_PER_POD,
    READY,
    STARTING,
    TERMINATING,
    Connection,
    Event,
    Fate,
    Pod,
    Request,
    Setup,
    Table,
    Totals,
    Work,
    World,
    column,
    table,
)

_FEW_PODS = 16
_FEW_REQUESTS = 1024
_NO_LIMIT = 0


class Plant:
    """Pods of one app, driven second by second. `edges` are the finite upper edges of the latency histogram."""

    def __init__(
        self,
        app: AppModel,
        cluster: ClusterModel,
        *,
        objective_seconds: float,
        edges: tuple[float, ...],
        requests: int,
    ) -> None:
        """`requests` is the number that will arrive in the whole run."""
        self._cores = app.cpu_cores
        self._world = _empty_world(app, cluster, objective_seconds, np.array(edges), requests)
        self._pods = 0
        self._arrived = 0

    @property
    def fates(self) -> Table[Fate]:
        """What became of the requests, in the order of arrival."""
        return self._world.fates

    def create_pod(self, now: float, *, threads: int, in_flight_limit: int | None) -> int:
        """A pod that is starting; its number is never used again."""
        number = self._pods
        self._pods += 1
        self._make_room(pods=self._pods, requests=1)
        pod, totals = self._world.pods[number], self._world.totals[0]
        pod.state = STARTING
        pod.threads = threads
        pod.limit = in_flight_limit or _NO_LIMIT
        pod.running = NOBODY
        pod.callback_left = -1.0
        pod.speed = self._cores
        pod.busy_since = pod.present_since = now
        totals.free -= 1
        pod.loop_slot = self._world.free[totals.free]
        return number

    def make_ready(self, pod: int, now: float) -> None:
        """From now on new connections may go to it."""
        self._world.pods[pod].ready_at = now
        self._set_state(pod, READY)

    def terminate(self, pod: int) -> None:
        """No request goes to it any more; it finishes those it has."""
        self._set_state(pod, TERMINATING)

    def remove(self, pod: int) -> None:
        """It is gone; only for a pod without requests."""
        totals = self._world.totals[0]
        self._set_state(pod, GONE)
        self._world.free[totals.free] = self._world.pods[pod].loop_slot
        totals.free += 1

    def set_threads(self, pod: int, threads: int, now: float) -> None:
        """Live, as the agent does it."""
        kernel.set_threads(self._world, now, pod, threads)

    def set_in_flight_limit(self, pod: int, limit: int | None) -> None:
        """Live; None admits all."""
        self._world.pods[pod].limit = limit or _NO_LIMIT

    def advance(self, work: Table[Work], until: float) -> None:
        """Play everything before `until`; `work` is what arrives until then."""
        self._make_room(pods=self._pods, requests=len(work))
        kernel.advance(self._world, work, self._arrived, until)
        self._arrived += len(work)

    def pod(self, number: int) -> Pod:
        """The pod's record, counters included, as it is after the last `advance`. To be read only."""
        return self._world.pods[number]

    def buckets(self, pod: int) -> NDArray[np.float64]:
        """Cumulative counts of the latency histogram, the last one for +Inf."""
        return np.cumsum(self._world.buckets[pod])

    def _set_state(self, pod: int, state: int) -> None:
        self._world.pods[pod].state = state
        ready = np.flatnonzero(column(self._world.pods, "state")[: self._pods] == READY)
        self._world.ready[: len(ready)] = ready
        self._world.totals[0].ready = len(ready)

    def _make_room(self, *, pods: int, requests: int) -> None:
        """Double what is too small, so that compiled code never has to ask."""
        world = self._world
        if pods > len(world.pods):
            size = 2 * len(world.pods)
            world = world._replace(
                pods=_longer_table(world.pods, size),
                buckets=_longer(world.buckets, size),
                ready=_longer(world.ready, size),
                queues=_longer(world.queues, 1 + QUEUES_PER_POD * size, fill=NOBODY),
            )
        while world.totals[0].free < requests:
            old = len(world.requests)
            world = world._replace(
                requests=_longer_table(world.requests, 2 * old),
                following=_longer(world.following, 2 * old),
                free=_longer(world.free, 2 * old),
            )
            free = world.totals[0].free
            world.free[free : free + old] = np.arange(old, 2 * old)
            world.totals[0].free += old
        if len(world.requests) + len(world.pods) > len(world.events):
            world = world._replace(events=_longer_table(world.events, len(world.requests) + len(world.pods)))
        self._world = world


def _empty_world(
    app: AppModel, cluster: ClusterModel, objective_seconds: float, edges: NDArray[np.float64], requests: int
) -> World:
    totals = table(Totals, 1)
    totals[0].free = _FEW_REQUESTS
    fates = table(Fate, requests)
    column(fates, "outcome")[:] = OPEN
    column(fates, "latency")[:] = np.nan
    return World(
        setup=_setup(app, cluster, objective_seconds),
        totals=totals,
        requests=table(Request, _FEW_REQUESTS),
        pods=table(Pod, _FEW_PODS),
        events=table(Event, _FEW_REQUESTS + _FEW_PODS),
        connections=table(Connection, cluster.connections),
        fates=fates,
        queues=np.full((1 + QUEUES_PER_POD * _FEW_PODS, 2), NOBODY),
        following=np.zeros(_FEW_REQUESTS, dtype=np.int64),
        free=np.arange(_FEW_REQUESTS),
        ready=np.zeros(_FEW_PODS, dtype=np.int64),
        edges=edges,
        buckets=np.zeros((_FEW_PODS, len(edges) + 1)),
    )


def _setup(app: AppModel, cluster: ClusterModel, objective_seconds: float) -> Table[Setup]:
    one = table(Setup, 1)
    setup, database = one[0], app.database
    setup.objective = objective_seconds
    setup.patience = cluster.client_timeout_seconds
    setup.framework = app.framework_cpu_seconds / 2
    setup.contention = app.gil_contention
    setup.warmup = app.warmup_seconds
    setup.warmup_factor = app.warmup_factor
    setup.lag_limit = np.inf if cluster.lag_limit_seconds is None else cluster.lag_limit_seconds
    setup.lifetime = cluster.connection_lifetime_seconds
    setup.servers = 1 if database is None else database.servers
    setup.server_contention = 0.0 if database is None else database.contention
    setup.pool = app.database_pool
    return one


Record = TypeVar("Record")
Values = TypeVar("Values", bound=np.generic)


def _longer_table(records: Table[Record], length: int) -> Table[Record]:
    return cast(Table[Record], _longer(cast(NDArray[np.void], records), length))


def _longer(array: NDArray[Values], length: int, *, fill: int = 0) -> NDArray[Values]:
    longer = np.zeros((length, *array.shape[1:]), dtype=array.dtype).view(type(array))
    if fill:
        longer[:] = fill
    longer[: len(array)] = array
    return longer
