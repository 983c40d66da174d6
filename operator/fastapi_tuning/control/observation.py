"""The values that enter the core: what was seen of a workload at one moment.

Absence is spelled out: a knob that cannot be read, traffic that is not there and metrics that could not be had
are three different values, and none of them is a zero.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import MetricsSource


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTraffic:
    """Rates of one pod over the window.

    `served_per_second` counts finished requests; `started_per_second` counts arrivals and exists only with the
    agent; CPU is seconds of CPU per second. None: this pod does not export it.
    """

    pod: str
    served_per_second: float
    started_per_second: float | None = None
    cpu_cores: float | None = None
    threads: int | None = None
    threads_busy: float | None = None
    threads_waiting: float | None = None
    thread_seconds_per_request: float | None = None
    acknowledged: bool = True
    """False while the pod does not run with the settings it was given: nothing is learned from it then."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSetting:
    """Whether an environment variable of ours would take effect in the container, and what is there now."""

    variable: str
    current: str | None
    """Value in the pod template, None if absent (or not a literal)."""
    blocked_by: Reason | None = None
    blocked_message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchForm:
    """How the container starts its server, read from command, arguments and environment of the template."""

    server: str
    """"uvicorn", "gunicorn", "fastapi", "python" (uvicorn.run in code) or "unknown" (image default)."""
    workers: int
    """Worker processes per pod; 1 when nothing says otherwise."""
    workers_from: str
    """Where the number stands, for people: 'argument --workers 4', 'environment WEB_CONCURRENCY=4', 'default'."""
    worker_variables: tuple[str, ...]
    """Variables that bring it to one worker, and that we may set. None: an argument or another owner stands against."""
    settings: tuple[EnvironmentSetting, ...]
    """One for each variable that the operator may set, see act/environment.py."""


class Delivery(StrEnum):
    """How a setting reaches the pods, and so what moving one costs."""

    LIVE = "Live"
    """Running pods take it: free, and taken back as easily."""
    ROLLOUT = "Rollout"
    """A new pod template: every pod is replaced."""


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
    autoscaler: str | None
    """Name of a HorizontalPodAutoscaler on the same target, if any."""
    delivery: Delivery = Delivery.ROLLOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """All that one decision is made from."""

    time: datetime
    workload: Workload
    signals: Signals
