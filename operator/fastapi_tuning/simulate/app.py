"""The service that is simulated: what its requests do, and what its pods and its database are like."""

from dataclasses import dataclass
from enum import StrEnum

from fastapi_tuning.simulate.service_times import Constant, ServiceTime

NO_TIME = Constant(seconds=0.0)
_TEN_SECONDS = Constant(seconds=10.0)


class Execution(StrEnum):
    """Where the code of an endpoint runs."""

    THREAD = "thread"
    """`def`: it holds a thread token from its first instruction until the event loop has taken its result."""
    LOOP = "loop"
    """`async def`: it computes in the event loop and waits without a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One kind of request. It computes, waits, uses the database, and answers, in this order.

    A request that takes several tokens, one after the other (`def` dependencies, response validation), spreads its
    computing and waiting evenly over them; the last one has the database part.
    """

    weight: float = 1.0
    """Share of the requests, relative to the other endpoints."""
    execution: Execution = Execution.THREAD
    cpu: ServiceTime = NO_TIME
    """CPU seconds of the endpoint's own code."""
    wait: ServiceTime = NO_TIME
    """Time that it waits for something other than the database."""
    tokens: int = 1
    """Thread tokens that a request takes in turn; without meaning in the loop."""
    query: ServiceTime | None = None
    """Time that the database works on it; None: it does not use the database."""
    error_ratio: float = 0.0
    """Share of its requests (0 to 1) that end in a 5xx of the app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Serves `servers` queries at a time for all pods together, the others in the order of arrival."""

    servers: int
    contention: float = 0.0
    """A query that starts while n others wait takes 1 + contention × n / servers times as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppModel:
    """A FastAPI service with one worker a pod."""

    endpoints: tuple[Endpoint, ...]
    framework_cpu_seconds: float = 0.0002
    """CPU of the event loop per request, half before the endpoint and half after it; `def` without work: 0.2 ms."""
    database: Database | None = None
    database_pool: int = 15
    """Connections per pod, held while the database works on a query or lets it wait; SQLAlchemy's default is 5 + 10."""
    cpu_cores: float = 1.0
    """Cores that a pod may use, at most one: the interpreter runs one thread at a time."""
    cpu_request_cores: float = 0.5
    """What the scheduler sets aside for a pod, and what CPU utilisation is a share of."""
    gil_contention: float = 0.02
    """CPU time grows by this times ln(1 + runnable threads): 40 CPU-bound threads were seen to cost 7 %."""
    startup: ServiceTime = _TEN_SECONDS
    """From creation of a pod until it is ready."""
    warmup_seconds: float = 0.0
    """How long after that CPU time is `warmup_factor` times what it will be (imports, caches)."""
    warmup_factor: float = 2.0

    def __post_init__(self) -> None:
        """Raises ValueError for a service that cannot exist; the message names the field."""
        if not self.endpoints:
            raise ValueError("endpoints: a service has at least one")
        for endpoint in self.endpoints:
            if endpoint.weight <= 0 or endpoint.tokens < 1 or not 0 <= endpoint.error_ratio <= 1:
                raise ValueError(f"endpoints: weight above 0, tokens from 1, error_ratio in [0, 1]; not {endpoint}")
            if endpoint.query is not None and self.database is None:
                raise ValueError("database: an endpoint queries it, and there is none")
        if not 0 < self.cpu_cores <= 1:
            raise ValueError(f"cpu_cores: one worker uses at most one core; not {self.cpu_cores:g}")
        if self.database_pool < 1 or (self.database is not None and self.database.servers < 1):
            raise ValueError("database: servers and database_pool are at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """What the requests are like from a second on; only the endpoints may differ from those before.

    A new version comes with a rollout. Simplified: its requests are new at once, whatever pod serves them.
    """

    at_seconds: int
    app: AppModel
    new_version: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterModel:
    """What surrounds the service: clients, Service, kubelet, metrics."""

    connections: int = 200
    """Keep-alive connections of all clients together. Each goes to a random ready pod when it opens, and a request
    takes a random one: the fewer, the more the load of the pods differs."""
    connection_lifetime_seconds: float = 60.0
    """Mean time until a connection is opened anew, exponentially distributed; also when its client gave up waiting."""
    client_timeout_seconds: float = 5.0
    """When a client gives up. The pod does not notice, and serves the request all the same."""
    lag_limit_seconds: float | None = None
    """A pod sheds what arrives while its event loop lags by more; None: it does not look."""
    command_delay_seconds: int = 1
    """From a command to its effect in the pods (live settings) or in the Deployment (replicas)."""
    drain_seconds: int = 30
    """The longest that a terminated pod is paid for while it finishes its requests."""
