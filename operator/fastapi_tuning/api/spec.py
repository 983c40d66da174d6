"""What a user writes into a FastAPITuning: the one source of the CRD, its validation and its reference page.

Lenient to fields it does not know (the API server prunes or refuses those), strict in values.
Numbers that may carry a fraction are strings, as the Kubernetes API conventions ask; they are turned into
floats once, by the properties beside them.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, field_validator

from fastapi_tuning.api.database import Database
from fastapi_tuning.api.fallback import Fallback
from fastapi_tuning.api.freeze import FreezeWindow
from fastapi_tuning.api.model import MIN_NOT_ABOVE_MAX, ApiModel, Label, Name, cel
from fastapi_tuning.api.resources import WorkerResources
from fastapi_tuning.api.via import ReplicasVia

Query = Annotated[str, Field(min_length=1, max_length=4096)]


class Mode(StrEnum):
    """How far the operator may go: look away, say, or do."""

    OFF = "Off"
    RECOMMEND = "Recommend"
    AUTO = "Auto"


class MetricsSource(StrEnum):
    """The library whose metrics describe the target; Auto finds out."""

    AUTO = "Auto"
    FASTAPI_INSTRUMENTATOR = "FastAPIInstrumentator"
    STARLETTE_EXPORTER = "StarletteExporter"
    OPENTELEMETRY = "OpenTelemetry"
    OPENTELEMETRY_LEGACY = "OpenTelemetryLegacy"
    AGENT = "Agent"
    """No library: the agent in the pods counts requests itself."""
    CUSTOM = "Custom"


class ApplyStrategy(StrEnum):
    """How settings other than replicas reach the pods: through the agent at once, or by a rollout."""

    AUTO = "Auto"
    """Live where the pods carry the agent, which the webhook brings in; else RollingRestart."""
    LIVE = "Live"
    """Through the agent, and never by a rollout; in mode Recommend the agent is there to be read from."""
    ROLLING_RESTART = "RollingRestart"
    """Environment in the pod template; no agent is brought in."""


class OnDelete(StrEnum):
    """What becomes of the values we set when the FastAPITuning is deleted."""

    KEEP = "Keep"
    RESTORE = "Restore"


class ReplicasConflict(StrEnum):
    """What happens to replicas that another field manager applies."""

    HOLD = "Hold"
    """They are left to it."""
    TAKE = "Take"
    """They are set all the same: the user has told that manager to leave them alone (docs/gitops.md)."""


class TargetReference(ApiModel):
    """The workload to tune, in the namespace of the FastAPITuning."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.kind == oldSelf.kind && self.name == oldSelf.name",
                "targetRef cannot change: create another FastAPITuning for another workload",
            )
        )
    )

    api_version: Annotated[str, Field(pattern="^apps/v1$", max_length=253)] = "apps/v1"
    """API of the workload; only Deployments of apps/v1 are tuned."""
    kind: Annotated[str, Field(pattern="^Deployment$", max_length=63)] = "Deployment"
    """Kind of the workload."""
    name: Name
    """Name of the workload."""
    container_name: Annotated[
        Label | None,
        Field(description="Container that runs the app; by default the only one, or the one that listens on HTTP."),
    ] = None


class LatencyObjective(ApiModel):
    """`percentile` percent of the requests answer within `thresholdMilliseconds`."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "double(self.percentile) > 0.0 && double(self.percentile) < 100.0",
                "percentile must be above 0 and below 100",
            )
        )
    )

    percentile: Annotated[
        str,
        Field(
            pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$",
            max_length=8,
            description='Percent of requests, for example "99" or "99.9".',
        ),
    ] = "99"
    threshold_milliseconds: Annotated[int, Field(ge=1, le=600_000)] = 500
    """Slowest answer that is still good; best an edge of the service's latency histogram."""

    @field_validator("percentile")
    @classmethod
    def _is_within(cls, percentile: str) -> str:
        """As the rule above, which a CRD of another version may lack: outside of it nothing can be computed."""
        if not 0 < float(percentile) < 100:
            raise ValueError("must be above 0 and below 100")
        return percentile

    @property
    def target_ratio(self) -> float:
        """Share of requests (0 to 1) that must be fast."""
        return float(self.percentile) / 100

    @property
    def threshold_seconds(self) -> float:
        return self.threshold_milliseconds / 1000


class ErrorObjective(ApiModel):
    """At most `maxPercent` percent of the requests fail (5xx)."""

    max_percent: Annotated[str, Field(pattern=r"^[0-9]{1,2}(\.[0-9]{1,4})?$", max_length=7)] = "0.1"
    """Percent of the requests that may end in a 5xx, for example "0.1"."""

    @property
    def max_ratio(self) -> float:
        """Share of requests (0 to 1) that may fail."""
        return float(self.max_percent) / 100


class Objectives(ApiModel):
    """What the service owes its users."""

    latency: LatencyObjective = LatencyObjective()
    average_latency_milliseconds: Annotated[int | None, Field(ge=1, le=600_000)] = None
    """Mean latency that must hold as well; by default none."""
    errors: ErrorObjective = ErrorObjective()


class CustomQueries(ApiModel):
    """PromQL for apps whose metrics no preset knows; each must give one series (a sum over the pods).

    `$window` is replaced by the rate window, `$threshold` by the latency objective in seconds. Every selector is
    confined to the namespace of this object; a query of which that cannot be shown is not sent.
    """

    requests_per_second: Query
    """All finished requests."""
    fast_requests_per_second: Query
    """Those within `$threshold` seconds."""
    failed_requests_per_second: Query
    """Those that ended in a 5xx."""
    average_latency_seconds: Query
    """Mean latency of all of them."""


class Metrics(ApiModel):
    """Where the evidence comes from."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "(self.source == 'Custom') == has(self.custom)",
                "custom queries go with source Custom, and only with it",
            )
        )
    )

    source: MetricsSource = MetricsSource.AUTO
    """Library that exports the metrics; Auto looks which one it is."""
    endpoint: Label = "default"
    """Name of one of the metrics endpoints in the operator's settings; where that is, only those settings say."""
    window_seconds: Annotated[int, Field(ge=30, le=600, description="Rate window; at least four scrape periods.")] = 60
    custom: CustomQueries | None = None
    """Own PromQL, with source Custom only."""


class ScalingRule(ApiModel):
    """Limits on one direction of replica changes, as in a HorizontalPodAutoscaler's behavior."""

    stabilization_seconds: Annotated[int, Field(ge=0, le=3600)]
    """How long a lower (or higher) value must have been wanted."""
    max_percent: Annotated[int, Field(ge=1, le=1000, description="Largest step, percent of current replicas.")]
    max_pods: Annotated[int, Field(ge=1, le=1000, description="Largest step in pods; the larger of the two counts.")]
    period_seconds: Annotated[int, Field(ge=1, le=1800, description="Shortest time between two steps.")]


class ScaleUp(ScalingRule):
    """Fast: at once, up to double or four pods more each 15 s."""

    stabilization_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """How long more pods must have been wanted before there are more."""
    max_percent: Annotated[int, Field(ge=1, le=1000)] = 100
    """Largest step in percent of the current replicas."""
    max_pods: Annotated[int, Field(ge=1, le=1000)] = 4
    """Largest step in pods; the larger of the two counts."""
    period_seconds: Annotated[int, Field(ge=1, le=1800)] = 15
    """Shortest time between two steps."""


class ScaleDown(ScalingRule):
    """Slow: the most that was needed in the last two minutes, a tenth or one pod less each minute.

    Shorter than the five minutes of a HorizontalPodAutoscaler, since the error budget and proven load guard each step.
    """

    stabilization_seconds: Annotated[int, Field(ge=0, le=3600)] = 120
    """The most that was wanted within this time is what there is."""
    max_percent: Annotated[int, Field(ge=1, le=100)] = 10
    """Largest step in percent of the current replicas."""
    max_pods: Annotated[int, Field(ge=1, le=1000)] = 1
    """Largest step in pods; the larger of the two counts."""
    period_seconds: Annotated[int, Field(ge=1, le=1800)] = 60
    """Shortest time between two steps."""


class Replicas(ApiModel):
    """Bounds and pace of the replica count."""

    model_config = ConfigDict(json_schema_extra=cel(MIN_NOT_ABOVE_MAX))

    mode: Mode = Mode.AUTO
    """How far the operator may go with this knob; never further than spec.mode."""
    min: Annotated[int, Field(ge=1, le=10_000)] = 2
    """Fewest pods, without any traffic too."""
    max: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Most pods."""
    scale_up: ScaleUp = ScaleUp()
    scale_down: ScaleDown = ScaleDown()
    conflict_policy: ReplicasConflict = ReplicasConflict.HOLD
    """What happens to replicas that another field manager applies, GitOps for example; autoscalers and people are
    heeded under either."""
    via: ReplicasVia | None = None
    """Set the least and the most pods of the target's own autoscaler instead of its replicas; unset: the replicas."""


class ThreadPool(ApiModel):
    """Bounds of AnyIO's thread pool, which runs `def` endpoints (tokens per pod)."""

    model_config = ConfigDict(json_schema_extra=cel(MIN_NOT_ABOVE_MAX))

    mode: Mode = Mode.AUTO
    """How far the operator may go with this knob; never further than spec.mode."""
    min: Annotated[int, Field(ge=4, le=1000)] = 4
    """Fewest threads per pod."""
    max: Annotated[int, Field(ge=4, le=1000)] = 200
    """Most threads per pod; about 8 MiB of memory each."""


class LimitConcurrency(ApiModel):
    """Bounds of how much a pod admits at once: requests in flight by the agent, else uvicorn's `--limit-concurrency`.

    The latter counts connections, idle ones included.
    """

    model_config = ConfigDict(json_schema_extra=cel(MIN_NOT_ABOVE_MAX))

    mode: Mode = Mode.OFF
    """How far the operator may go with this knob; never further than spec.mode."""
    min: Annotated[int, Field(ge=10, le=100_000)] = 10
    """Fewest requests (or connections) per pod."""
    max: Annotated[int, Field(ge=10, le=100_000)] = 2000
    """Most requests (or connections) per pod."""


class TimeoutKeepAlive(ApiModel):
    """Bounds of uvicorn's `--timeout-keep-alive`, the seconds an idle connection stays open; equal bounds fix it."""

    model_config = ConfigDict(json_schema_extra=cel(MIN_NOT_ABOVE_MAX))

    mode: Mode = Mode.OFF
    """How far the operator may go with this knob; never further than spec.mode."""
    min: Annotated[int, Field(ge=1, le=3600)] = 2
    """Shortest time."""
    max: Annotated[int, Field(ge=1, le=3600)] = 75
    """Longest time."""


class LimitMaxRequests(ApiModel):
    """uvicorn's `--limit-max-requests`; it ends a one-worker pod, so nothing sets it unasked."""

    mode: Mode = Mode.OFF
    """How far the operator may go with this knob; never further than spec.mode."""
    requests: Annotated[int, Field(ge=1000, le=1_000_000_000)] = 100_000
    """What is set."""


class Uvicorn(ApiModel):
    """Limits of the server process; off unless asked for."""

    limit_concurrency: LimitConcurrency = LimitConcurrency()
    timeout_keep_alive: TimeoutKeepAlive = TimeoutKeepAlive()
    limit_max_requests: LimitMaxRequests = LimitMaxRequests()


class WorkersMode(StrEnum):
    """What becomes of several workers in a pod."""

    REPORT = "Report"
    """A condition says so, and names where the count comes from."""
    ENFORCE = "Enforce"
    """k workers become k times the pods, then one worker in each: by an environment variable, or by the agent, which
    starts one worker whatever the command line says."""


class Workers(ApiModel):
    """One worker per pod: report a violation, or mend it (replicas first, then the worker count)."""

    mode: WorkersMode = WorkersMode.REPORT
    """How far the operator may go; never further than spec.mode."""
    resources: WorkerResources = WorkerResources.KEEP
    """What becomes of requests and limits, with mode Enforce."""


class Connections(ApiModel):
    """Whether pods with more than their share of requests ask clients to connect anew (needs the agent)."""

    mode: Mode = Mode.AUTO
    """Auto: they do, until the load is even again; less than Auto: they never do."""


class Apply(ApiModel):
    """How settings reach the pods, and how often the pod template may change."""

    strategy: ApplyStrategy = ApplyStrategy.AUTO
    """How settings reach the pods."""
    min_rollout_interval_seconds: Annotated[int, Field(ge=60, le=604_800)] = 1800
    """Shortest time between two rollouts of ours."""
    expire_after_seconds: Annotated[int | None, Field(ge=300, le=604_800)] = None
    """Live settings end when the operator is gone this long; unset: they stay."""


class FastAPITuningSpec(ApiModel):
    """Which workload, what it owes, and what may be moved to keep that."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "!has(self.database) || self.replicas.min * self.database.connectionsPerPod "
                "<= self.database.maxConnections - self.database.reservedConnections",
                "replicas.min pods must not need more connections than database.maxConnections less the reserve",
            ),
            (
                "!has(self.fallback) || self.fallback.minReplicas <= self.replicas.max",
                "fallback.minReplicas must not be above replicas.max",
            ),
        )
    )

    target_ref: TargetReference
    mode: Mode = Mode.RECOMMEND
    """Off: look away. Recommend: say what would be done. Auto: do it."""
    suspend: bool = False
    """Stop acting, keep observing and reporting."""
    interval_seconds: Annotated[int, Field(ge=5, le=3600)] = 15
    """Time between two decisions."""
    objectives: Objectives = Objectives()
    metrics: Metrics = Metrics()
    replicas: Replicas = Replicas()
    thread_pool: ThreadPool = ThreadPool()
    uvicorn: Uvicorn = Uvicorn()
    workers: Workers = Workers()
    connections: Connections = Connections()
    database: Database | None = None
    """What the pods may hold of a database's connections; unset: no such limit."""
    fallback: Fallback | None = None
    """What to do while nothing is known; unset: every knob stays where it is."""
    apply: Apply = Apply()
    freeze_windows: Annotated[tuple[FreezeWindow, ...], Field(max_length=16)] = ()
    """Recurring times at which nothing is moved, or not in one direction."""
    on_delete: OnDelete = OnDelete.KEEP

    def effective_mode(self, knob: Mode) -> Mode:
        """Mode of a knob: the lesser of the object's and the knob's own."""
        order = (Mode.OFF, Mode.RECOMMEND, Mode.AUTO)
        return min(self.mode, knob, key=order.index)
