"""The values that enter the core: what was seen of a workload at one moment.

Absence is spelled out: a knob that cannot be read, traffic that is not there and metrics that could not be had
are three different values, and none of them is a zero.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import MetricsSource
from fastapi_tuning.control.autoscaler import Autoscaler
from fastapi_tuning.control.foreign_owner import ForeignOwner
from fastapi_tuning.control.rolling_update import RollingUpdate


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTraffic:
    """Rates of one pod over the window. None: this pod does not export it."""

    pod: str
    served_per_second: float
    """Finished requests."""
    ready_seconds: float | None = None
    """Time since the pod became ready; a cold pod is no example of what a pod carries."""
    acknowledged: bool = True
    """False while the pod does not run with the settings it was given: nothing is learned from it then."""
    cpu_cores: float | None = None
    """Seconds of CPU per second."""
    resident_bytes: float | None = None
    sums_workers: bool = False
    """Whether the two are sums over all workers of the pod; else they are of the one that answered."""
    threads: int | None = None
    """Size of the pool. This and the next three exist only with the agent."""
    threads_busy: float | None = None
    threads_waiting: float | None = None
    """Requests that queue for a thread."""
    thread_seconds_per_request: float | None = None
    requests_in_flight: float | None = None
    open_connections: float | None = None
    """Idle keep-alive connections included."""
    connections_opened_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyBucket:
    """Requests per second that finished within `upper_seconds` (cumulative; the last one is +Inf)."""

    upper_seconds: float
    requests_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Fresh, finite samples with requests in them. Rates are per second, summed over the scraped pods."""

    source: MetricsSource
    window_seconds: int
    requests_per_second: float
    failed_per_second: float
    fast_per_second: float
    """Requests within the bucket edge `edge_seconds`."""
    edge_seconds: float
    """Largest bucket edge that does not exceed the objective: the SLI is never interpolated."""
    average_latency_seconds: float
    buckets: tuple[LatencyBucket, ...]
    """Empty for custom queries, which have no histogram."""
    pods: tuple[PodTraffic, ...]
    """Empty for custom queries, which are sums."""
    queue_growth_per_second: float
    """Growth of requests in flight, per second (0 without the agent): offered load is served plus this."""
    scraped_pods: int
    recent_per_second: float | None = None
    """Requests per second over a shorter window, the end of this one."""
    shed_per_second: float | None = None
    """Requests refused before the app saw them; `requests_per_second` does not hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTraffic:
    """Fresh samples of the pods, and no requests: the only silence that may ever lead downward."""

    source: MetricsSource
    scraped_pods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoData:
    """Nothing is known: not scraped, not reachable, or not usable; `message` names the cause for people."""

    reason: Reason
    message: str


Signals = Traffic | NoTraffic | NoData


_ROOM_FOR_WINDOWS = 1.1
"""Two queries over windows of their own differ a little; more fast requests than there are is another matter."""


def checked(signals: Signals) -> Signals:
    """The signals, or NoData where a number in them is not finite, is negative, or contradicts another."""
    if not isinstance(signals, Traffic):
        return signals
    rates = (
        signals.requests_per_second,
        signals.failed_per_second,
        signals.fast_per_second,
        signals.average_latency_seconds,
        signals.shed_per_second or 0.0,
        signals.recent_per_second or 0.0,
        *(bucket.requests_per_second for bucket in signals.buckets),
        *(number for pod in signals.pods for number in _numbers(pod)),
    )
    sound = all(math.isfinite(rate) and rate >= 0 for rate in rates) and math.isfinite(signals.queue_growth_per_second)
    sound = sound and signals.fast_per_second <= _ROOM_FOR_WINDOWS * signals.requests_per_second
    if sound and signals.requests_per_second > 0 and signals.window_seconds > 0:
        return signals
    return NoData(reason=Reason.UNUSABLE_SAMPLES, message="a sample is NaN, infinite, negative or contradicts another")


def _numbers(pod: PodTraffic) -> tuple[float, ...]:
    optional = (
        pod.ready_seconds,
        pod.cpu_cores,
        pod.resident_bytes,
        pod.threads,
        pod.threads_busy,
        pod.threads_waiting,
        pod.thread_seconds_per_request,
        pod.requests_in_flight,
        pod.open_connections,
        pod.connections_opened_per_second,
    )
    return (pod.served_per_second, *(number for number in optional if number is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockingCall:
    """The line that keeps an event loop from running most, and the share of the time (0 to 1) that it does so."""

    pod: str
    place: str
    """`file:line function`"""
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePool:
    """One pool of connections, summed over the pods of the target, per peer."""

    peer: str
    """host:port of the database (or the file for SQLite)."""
    size: float
    """Most connections that the pools may open (pool_size + max_overflow)."""
    checked_out: float
    """Connections in use; the highest of the window, as is `waiting`."""
    waiting: float
    """Requests that wait for a connection."""
    wait_seconds_per_second: float
    """Time spent waiting for a connection, per second; over requests per second it is the wait of a request."""


class PeerKind(StrEnum):
    """What answers a call."""

    HTTP = "HTTP"
    DATABASE = "Database"
    CACHE = "Cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundPeer:
    """Calls that the pods make to one peer, summed over the pods."""

    kind: PeerKind
    peer: str
    """host:port, or what stands for it: `other` is the rest of many."""
    calls_per_second: float
    """Calls that ended."""
    failed_per_second: float
    """Those of them that ended without an answer, or with a status from 500 on."""
    seconds_per_second: float
    """Time spent in the calls, per second; over requests per second it is the share of a request."""
    in_flight: float
    """The highest of the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What the pods wait for, as their agents measure it; what takes or waits most comes first."""

    pools: tuple[DatabasePool, ...]
    peers: tuple[OutboundPeer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSetting:
    """Whether an environment variable of ours would take effect in the container, and what is there now."""

    variable: str
    current: str | None
    """Value in the pod template, None if absent (or not a literal)."""
    blocked_by: Reason | None = None
    blocked_message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """CPU or memory that the container requests, or is limited to."""

    kind: str
    """"requests" or "limits"."""
    resource: str
    """"cpu" or "memory"."""
    quantity: str
    """As it is written."""
    amount: float
    """Cores or bytes."""
    is_ours: bool = False
    """Whether we wrote it."""
    owner: str | None = None
    """The field manager that states it for good; None: nobody does."""

    @property
    def told(self) -> str:
        return f"{self.kind}.{self.resource} {self.quantity}"


class Enforcement(StrEnum):
    """Whether the pod template tells an agent in its pods to start one worker."""

    UNSET = "Unset"
    SET = "Set"
    NOT_OURS = "NotOurs"
    """Somebody else owns the variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchForm:
    """How the container starts its server, read from command, arguments and environment of the template."""

    server: str
    """"uvicorn", "gunicorn", "fastapi", "python" (uvicorn.run in code) or "unknown" (image default)."""
    workers: int | None
    """Worker processes per pod; 1 when nothing says otherwise, None when what says it cannot be read."""
    workers_from: str
    """Where the number stands, for people: 'argument --workers 4', 'environment WEB_CONCURRENCY=4', 'default'."""
    worker_variables: tuple[str, ...]
    """Variables that bring it to one worker, and that we may set. None: an argument or another owner stands against."""
    settings: tuple[EnvironmentSetting, ...]
    """One for each variable that the operator may set, see act/environment.py."""
    enforcement: Enforcement = Enforcement.UNSET


class Delivery(StrEnum):
    """How a setting reaches the pods, and so what moving one costs."""

    LIVE = "Live"
    """Running pods take it: free, and taken back as easily."""
    ROLLOUT = "Rollout"
    """A new pod template: every pod is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unschedulable:
    """Pods for which the scheduler finds no node, and what it says of one of them."""

    pods: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaMover:
    """Somebody else who set the replicas to what they are."""

    name: str
    """A field manager with its operation."""
    deliberate: bool
    """False: the number just came along with a manifest that was deployed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The target as the API server shows it."""

    uid: str
    template_hash: str
    """Changes with every pod template; what was learned under another one is void."""
    container: str
    desired_replicas: int
    ready_replicas: int
    scale_resource_version: str
    """For compare-and-set on /scale."""
    rollout_in_progress: bool
    launch: LaunchForm
    cpu_limit_cores: float | None
    memory_limit_bytes: float | None = None
    resources: tuple[Reservation, ...] = ()
    """Of the container, as far as they are CPU or memory."""
    delivery: Delivery = Delivery.ROLLOUT
    unschedulable: Unschedulable | None = None
    """None: every pod has found its node."""
    out_of_memory_time: datetime | None = None
    """When a container of a present pod was last killed for its memory; None: none was."""
    ending_pods: int = 0
    """Pods that exist beyond the desired ones, or are on their way out: they hold connections until they are gone."""
    update: RollingUpdate | None = None
    """How pods are replaced; None: all end before any starts."""
    foreign_owners: tuple[ForeignOwner, ...] = ()
    """Others who have a say in the target."""
    replicas_set_by: ReplicaMover | None = None
    """None: we did, or nobody. Where an autoscaler moves the pods for us, this is about its least pods."""
    autoscaler: Autoscaler | None = None
    """What moves the pods for us; None: their count is set itself."""

    @property
    def asked_replicas(self) -> int:
        """The count that we would set: of the pods, or the least of the autoscaler that moves them."""
        return self.desired_replicas if self.autoscaler is None else self.autoscaler.floor

    @property
    def mixes_versions(self) -> bool:
        """Whether pods of two templates answer, so that evidence is of neither."""
        return self.rollout_in_progress or any(each.mixes_versions for each in self.foreign_owners)

    @property
    def may_enforce_one_worker(self) -> bool:
        """Whether the agents in the pods may be told to start one worker."""
        return self.delivery is Delivery.LIVE and self.launch.enforcement is not Enforcement.NOT_OURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """All that one decision is made from."""

    time: datetime
    workload: Workload
    signals: Signals
    dependencies: Dependencies | None = None
    """None: no agent measures them."""
    blocking: BlockingCall | None = None
    """The worst of all pods; None: no line blocks an event loop, or nobody looks."""
