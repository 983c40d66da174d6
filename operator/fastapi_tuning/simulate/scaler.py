"""What an autoscaler sees of the simulated cluster, what it may command, and what a run leaves behind.

Every autoscaler in the comparison, ours included, is a `Scaler`: an object made anew for each run, called each
`period_seconds` with a `View`, whose `Command` is carried out after the cluster's own delays.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fastapi_tuning.simulate.scrape import Scraped

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """One pod as the metrics show it now; times are simulated seconds since the start of the run."""

    name: str
    ready: bool
    started_seconds: float
    """Time of creation, not of readiness."""
    ready_since_seconds: float | None
    """None: not ready yet."""
    cpu_cores: float | None
    """Mean over the last window of the metrics server (15 s); None: no sample yet."""
    cpu_request_cores: float
    requests_per_second: float | None
    """Rate over the rate window from scraped counters; None: too few samples yet."""
    concurrency: float | None
    """Mean requests in flight over the last 2 s, what Knative's queue-proxy reports; None: not ready yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """A cluster at one moment, as late and incomplete as the metrics are: all that an HPA looks at."""

    now_seconds: float
    desired_replicas: int
    pods: tuple[PodView, ...]
    """Existing pods, starting ones included, terminating ones not."""
    requests_per_second: float | None
    """Sum over the pods that have a rate; None: none has."""
    latency_p99_seconds: float | None
    """`histogram_quantile` over the rate window, interpolated as Prometheus does; None without data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View(ClusterView):
    """The simulated cluster at one moment."""

    scraped: Scraped
    """All that Prometheus holds, for scalers that ask more of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a scaler wants now. None: leave it as it is."""

    replicas: int | None = None
    threads: int | None = None
    """Thread tokens in every pod, changed live."""
    in_flight_limit: int | None = None
    """Requests that a pod admits at a time, changed live."""
    restart_with_threads: int | None = None
    """Thread tokens as an environment variable: new pods replace the old ones, a few at a time."""


class Scaler(Protocol):
    """Stateful, made anew for each run. `period_seconds` is a whole number of seconds."""

    @property
    def period_seconds(self) -> float: ...

    def __call__(self, view: View) -> Command: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What happened, per second of simulated time.

    Requests are counted in the second of their scheduled arrival: good + late + failed + shed = offered. `late` were
    answered after the objective, or were still open when the run ended; `failed` got an error, found no ready pod, or
    were given up by the client; `shed` were refused by admission.
    """

    seconds: int
    offered: FloatArray
    good: FloatArray
    late: FloatArray
    failed: FloatArray
    shed: FloatArray
    pods_ready: FloatArray
    pods_created: FloatArray
    """Pods that exist and cost money: from creation until they are gone."""
    threads: FloatArray
    """Thread tokens that new pods get."""
    latency_p99_seconds: FloatArray
    """Client side, per 10 s slot of arrival, over all but shed requests; a client that gave up counts with its
    patience, and a request that is open at the end with its age. NaN where there is no request."""
    commands: tuple[tuple[float, Command], ...]
    """(simulated time, command), those that change something."""
    latency_seconds: NDArray[np.float32]
    """Client side, per request in the order of arrival; NaN: shed, refused or open at the end."""
    arrival_second: NDArray[np.int32]
    """Second of arrival of each request."""
