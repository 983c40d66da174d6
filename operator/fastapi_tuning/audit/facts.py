"""What an audit looks at: one service as its cluster and its metrics show it, read once. Pure.

What could not be read is an `Unread` in the place of its value, and says why: it is never a value that passes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.control.observation import LaunchForm, Signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Something that could not be read. Equal ones are told once, with all the checks that they leave open."""

    id: str
    """Stable, in the form of a check's: "unread-pods"."""
    what: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A number that is in force in the server, and what says so."""

    value: int
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How the container starts its server, and the limits that it runs with."""

    launch: LaunchForm
    reloads: bool
    """Whether it watches its source files, as in development."""
    limit_concurrency: Setting | Unread | None
    """None: unlimited. So with the next two."""
    max_requests: Setting | Unread | None
    graceful_shutdown_seconds: Setting | Unread | None
    keep_alive_seconds: Setting | Unread
    ignored_variables: tuple[str, ...]
    """UVICORN_* that are set and that this launcher never reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A probe of the kubelet, with the defaults of Kubernetes put in."""

    handler: str
    """"httpGet", "tcpSocket", "grpc" or "exec"."""
    endpoint: str
    """Port and path of httpGet, port of the others, the command of exec."""
    path: str | None
    """Of httpGet only."""
    timeout_seconds: int
    period_seconds: int
    failure_threshold: int
    initial_delay_seconds: int

    @property
    def patience_seconds(self) -> int:
        """How long it may fail until the kubelet acts."""
        return self.period_seconds * self.failure_threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    liveness: Probe | None
    readiness: Probe | None
    startup: Probe | None

    @property
    def by_name(self) -> Mapping[str, Probe]:
        """Those that there are."""
        named = {"liveness": self.liveness, "readiness": self.readiness, "startup": self.startup}
        return {name: probe for name, probe in named.items() if probe is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Of the app's container; None: not set."""

    cpu_request_cores: float | None
    cpu_limit_cores: float | None
    memory_request_bytes: float | None
    memory_limit_bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shutdown:
    """What the kubelet does to end a pod."""

    grace_period_seconds: int
    pre_stop: str | None
    """The handler's kind: "sleep", "exec", "httpGet"; None: there is none."""
    pre_stop_seconds: int | None
    """Of a handler that sleeps; None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How a new pod template reaches the pods."""

    recreates: bool
    max_unavailable_pods: int
    """Of the present replicas, as Kubernetes rounds a percentage; 0 with Recreate."""
    max_unavailable: str
    """As it is written, or Kubernetes' default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerEnd:
    """How the app's container ended the last time."""

    reason: str
    exit_code: int
    time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    name: str
    node: str
    ready: bool
    restarts: int
    last_end: ContainerEnd | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisruptionBudget:
    """A PodDisruptionBudget that selects the pods."""

    name: str
    rule: str
    """As it is written: "minAvailable: 2"."""
    disruptions_allowed: int
    healthy_pods: int
    expected_pods: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaler:
    """Something else that sets the replica count of the target."""

    kind: str
    name: str
    max_replicas: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An Ingress that leads to the pods by way of a Service."""

    ingress: str
    service: str
    ingress_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockingPlace:
    """A place in the code that kept the event loop from running, as the agent saw it in the last hour."""

    where: str
    """`file:line function`"""
    blocked_seconds: float
    """Summed over the pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePool:
    """Connections that a process of the app may open, as variables of its container say."""

    size: Setting
    overflow: Setting | None

    @property
    def most(self) -> int:
        return self.size.value + (0 if self.overflow is None else max(0, self.overflow.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """What is known of the app's database: a pool, that there is one, or nothing."""

    pool: DatabasePool | None
    mentioned_by: str | None
    """A variable that names a database."""
    max_connections: int | None
    """What the server allows to this app; None: nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What Prometheus knows."""

    signals: Signals | Unread
    blocking: tuple[BlockingPlace, ...] | Unread
    throttled_ratio: float | Unread
    """Share of the periods of the CFS scheduler in which the container had used up its CPU limit, in the last hour."""
    liveness_seconds: float | Unread | None
    """Mean time of the liveness endpoint in the last hour; None: no HTTP endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One service at one moment."""

    time: datetime
    namespace: str
    deployment: str
    container: str
    selector: Mapping[str, str]
    """Labels that select the pods (`matchLabels`)."""
    port: str
    """Of the app, as a probe names it."""
    replicas: int
    server: Server
    thread_pool_variable: str | None
    """Value of the variable that sizes the thread pool, None if it is absent."""
    probes: Probes
    resources: Resources
    shutdown: Shutdown
    rollout: Rollout
    pods: tuple[Pod, ...] | Unread
    disruption_budgets: tuple[DisruptionBudget, ...] | Unread
    autoscalers: tuple[Autoscaler, ...] | Unread
    proxies: tuple[Proxy, ...] | Unread
    database: Database
    seen: Seen
    tuning: FastAPITuning | None
    """The object that tunes the service; None: it was not asked for."""
