"""What the operator writes back: the recommendation, what is in force, why, and the history decisions need."""

import math
from datetime import UTC
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, PlainSerializer

from fastapi_tuning.api.conflicts import ForeignMove, KnobConflict
from fastapi_tuning.api.considered import Consideration
from fastapi_tuning.api.model import ApiModel, Count, Number
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.replica_move import ReplicaMove
from fastapi_tuning.api.resources import ResourceQuantity
from fastapi_tuning.api.undo import Undo
from fastapi_tuning.api.via import DrivenAutoscaler

Message = Annotated[str, Field(max_length=1024)]
Time = Annotated[
    AwareDatetime, PlainSerializer(lambda time: time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), when_used="json")
]
"""metav1.Time: RFC 3339 in whole seconds."""


def number_of(text: str) -> float | None:
    """The number that was written down; None where none was, or where somebody wrote what is no finite number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def text_of(value: float | None) -> str:
    """A number as it is written down: six significant digits keep the status small."""
    return "" if value is None else f"{value:.6g}"


class ConditionType(StrEnum):
    """Condition types and their polarity."""

    READY = "Ready"
    """True: observing and able to act. Positive polarity."""
    METRICS_AVAILABLE = "MetricsAvailable"
    """True: fresh samples of every ready pod. Positive."""
    OBJECTIVE_MET = "ObjectiveMet"
    """True: no significant evidence against the objective. Positive; Unknown without data."""
    SCALING_LIMITED = "ScalingLimited"
    """True: a bound or another owner keeps a knob from its wanted value. Negative."""
    ONE_WORKER_PER_POD = "OneWorkerPerPod"
    """True: each pod runs one worker. Positive; Unknown if the pod template does not tell."""
    SETTINGS_EFFECTIVE = "SettingsEffective"
    """False: the container is started in a way that ignores settings we would set. Positive; Unknown if the pod
    template does not tell how it is started."""
    AGENT_INJECTED = "AgentInjected"
    """True: every pod carries the agent. Positive; absent where no agent is wanted."""
    SETTINGS_ACKNOWLEDGED = "SettingsAcknowledged"
    """True: every ready pod says that it runs with the newest live settings. Positive; absent without live settings."""
    EVENT_LOOP_FREE = "EventLoopFree"
    """False: a blocking call in `async def` holds up all requests of a pod; the message names file and line. Positive;
    absent without the agent."""
    FALLBACK = "Fallback"
    """True: nothing was known for so long that spec.fallback holds. Negative; absent where the spec has none."""
    DATABASE_WITHIN_BUDGET = "DatabaseWithinBudget"
    """False: pods may open more connections than the database has for them, or objects state different limits.
    Positive; absent where the spec names no database."""
    NO_CONFLICT = "NoConflict"
    """False: somebody else moves what we would move; the message names field and owner. Positive."""
    FROZEN = "Frozen"
    """True: a pause or a freeze window stops moves; the message says which, and until when. Negative."""
    STALLED = "Stalled"
    """True: a person must change something. Negative."""


class Condition(ApiModel):
    """metav1.Condition."""

    type: Annotated[str, Field(max_length=316)]
    status: Annotated[str, Field(pattern="^(True|False|Unknown)$", max_length=7)]
    reason: Annotated[str, Field(max_length=1024)]
    message: Annotated[str, Field(max_length=32768)] = ""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    last_transition_time: Time


class LimitingFactor(StrEnum):
    """What keeps the pods from serving more, or better. docs/factors/ has a page for each."""

    NONE = "None"
    """The objective holds, and nothing is close to its limit."""
    THREAD_POOL = "ThreadPool"
    """Requests wait for a thread."""
    CPU = "CPU"
    """Pods compute at the limit of their core."""
    EVENT_LOOP_BLOCKED = "EventLoopBlocked"
    """A line of code holds up every other request of its pod."""
    DATABASE_POOL = "DatabasePool"
    """Requests wait for a connection, and the database is quick."""
    DATABASE = "Database"
    """A database or cache is slow, full, or fails."""
    EXTERNAL_API = "ExternalAPI"
    """A service that is called is slow, full, or fails."""
    DOWNSTREAM = "Downstream"
    """Something behind the pods, and nothing tells which: more pods, or threads, brought no more."""
    MEMORY = "Memory"
    """A container is near its memory limit, or was killed at it."""
    IMBALANCE = "Imbalance"
    """One pod has more than it can carry while the others have room."""
    COLD_PODS = "ColdPods"
    """Pods that are starting, or have just started."""
    APPLICATION_ERRORS = "ApplicationErrors"
    """The app fails, whatever the load."""
    TRAFFIC_ONLY = "TrafficOnly"
    """More is offered than the pods carry, and a request costs what it always did."""
    UNKNOWN = "Unknown"
    """No data, or the objective is in danger and nothing that is measured tells why."""


class Settings(ApiModel):
    """Values of the knobs; absent means: not known or not ours."""

    replicas: Count | None = None
    max_replicas: Count | None = None
    """Most pods of the autoscaler that spec.replicas.via names; `replicas` are its least then."""
    threads: Count | None = None
    limit_concurrency: Count | None = None
    timeout_keep_alive_seconds: Count | None = None
    limit_max_requests: Count | None = None
    workers: Count | None = None


class ReplicaBounds(ApiModel):
    """Recommendation with the range that the evidence supports."""

    lower: Count
    target: Count
    upper: Count


class Recommendation(ApiModel):
    """Where the law would put the knobs next, bounds and pace included."""

    replicas: ReplicaBounds | None = None
    settings: Settings = Settings()


class Measured(ApiModel):
    """The evidence of the last decision, rounded; strings because the API has no floats."""

    offered_requests_per_second: Number = ""
    latency_percentile_milliseconds: Number = ""
    bad_percent: Number = ""
    error_percent: Number = ""


class DiagnosisStatus(ApiModel):
    """What limits the service now, and how that is known."""

    factor: LimitingFactor = LimitingFactor.UNKNOWN
    confidence: Number = ""
    """0 to 1: how well the evidence fits."""
    evidence: Annotated[str, Field(max_length=512)] = ""
    runner_up: LimitingFactor | None = None
    """What fits next best; absent: nothing does."""
    since: Time | None = None


class Decision(ApiModel):
    """One move (or refusal to move) and why."""

    time: Time
    knob: Annotated[str, Field(max_length=63)]
    from_value: Annotated[str, Field(max_length=63)] = ""
    to_value: Annotated[str, Field(max_length=63)] = ""
    reason: Reason
    guard: Reason | None = None
    message: Message = ""

    @property
    def step(self) -> str:
        """For people: "replicas 2 → 4", and "replicas stays 5" for a refusal to move."""
        before, after = self.from_value or "?", self.to_value or "?"
        return f"{self.knob} stays {after}" if before == after else f"{self.knob} {before} → {after}"


class ReplicaNeed(ApiModel):
    """Most replicas wanted within a slot of time; the stabilisation window looks back over these."""

    time: AwareDatetime
    replicas: Count


class Sample(ApiModel):
    """One number and when it was seen."""

    time: AwareDatetime
    value: Number


class EvidenceSlot(ApiModel):
    """Requests counted since `time`, until the next slot begins; burn rates and low traffic look back over these."""

    time: AwareDatetime
    requests: Number
    late: Number
    failed: Number


class Experiment(ApiModel):
    """A step up that was taken while demand exceeded service, and how things were just before it."""

    time: AwareDatetime
    from_value: Annotated[int, Field(ge=1, le=100_000)]
    to_value: Annotated[int, Field(ge=1, le=100_000)]
    served_per_second: Number
    late_ratio: Number
    waiting: Number = ""


class Growth(ApiModel):
    """Whether more of a knob brought more: the running experiment, failures in a row, and the freeze they led to."""

    experiment: Experiment | None = None
    strikes: Annotated[int, Field(ge=0, le=100)] = 0
    base: Annotated[int | None, Field(ge=1, le=100_000)] = None
    """Value before the first of the failures in a row."""
    cap: Annotated[int | None, Field(ge=1, le=100_000)] = None
    """Value that is not exceeded until `frozenUntil`."""
    frozen_until: AwareDatetime | None = None
    backoff_seconds: Annotated[int, Field(ge=0, le=7200)] = 0
    slowdown: Number = ""
    """Service time over its uncontended value when growth was frozen."""


class PeerBaseline(ApiModel):
    """How quick a peer was while the pods were not overloaded."""

    kind: Annotated[str, Field(max_length=15)]
    peer: Annotated[str, Field(max_length=253)]
    call_seconds: Number


class FactorWatch(ApiModel):
    """The limiting factor over time."""

    factor: LimitingFactor = LimitingFactor.UNKNOWN
    since: AwareDatetime | None = None
    steady: LimitingFactor = LimitingFactor.NONE
    """The last one that stood for two cycles; Unknown never does."""


class Learned(ApiModel):
    """What the law remembers of a pod; void as soon as the template hash differs."""

    template_hash: Annotated[str, Field(max_length=63)] = ""
    service_samples: Annotated[tuple[Sample, ...], Field(max_length=8)] = ()
    """Seconds; the least mean time in a thread per slot of five minutes. The least of all is the uncontended time."""
    service_tail_samples: Annotated[tuple[Sample, ...], Field(max_length=8)] = ()
    """Seconds; the same of the latency percentile that the objective names."""
    cpu_limit_cores: Number = ""
    """What a pod could use at most; another limit, by more than a tenth, voids the rest."""
    cpu_samples: Annotated[tuple[Sample, ...], Field(max_length=8)] = ()
    """Seconds of CPU per request, one a minute."""
    proven_per_second: Number = ""
    """Highest rate of a pod at which the objective was seen to hold."""
    correction: Number = "1"
    """Factor on the capacity that follows from CPU and threads; learned from loaded pods."""
    trust_time: AwareDatetime | None = None
    """Last change of the correction, or rise of the feedback."""
    unevenness: Number = "0"
    """How the busiest of N pods exceeds the mean, over the root of N; smoothed."""
    feedback: Number = "0"
    """Share of replicas on top of the feed-forward."""
    peers: Annotated[tuple[PeerBaseline, ...], Field(max_length=8)] = ()


class History(ApiModel):
    """Everything that decisions need from the past, so that a restart forgets nothing that matters."""

    observed_since: AwareDatetime | None = None
    last_observation_time: AwareDatetime | None = None
    settled_since: AwareDatetime | None = None
    """Since when every pod has been ready, without rollout, move or setting still on its way."""
    missed_cycles: Annotated[int, Field(ge=0, le=1000)] = 0
    """In a row without data; counted where spec.fallback is set, and no further than that asks for."""
    needs: Annotated[tuple[ReplicaNeed, ...], Field(max_length=128)] = ()
    loads: Annotated[tuple[Sample, ...], Field(max_length=12)] = ()
    """Offered requests per second of the last minutes, for the trend."""
    evidence: Annotated[tuple[EvidenceSlot, ...], Field(max_length=32)] = ()
    replica_moves: Annotated[tuple[ReplicaMove, ...], Field(max_length=16)] = ()
    replicas_left: Count | None = None
    """Replicas of the target as the last cycle left it: another number in the next one was set by somebody else."""
    foreign_move: ForeignMove | None = None
    """The last change of the replicas by somebody else."""
    last_scale_up_time: AwareDatetime | None = None
    last_scale_down_time: AwareDatetime | None = None
    last_rollout_time: AwareDatetime | None = None
    last_setting_time: AwareDatetime | None = None
    """Last change of a setting in running pods."""
    panic_until: AwareDatetime | None = None
    calm_until: AwareDatetime | None = None
    """Until then the law answers half as strongly and waits twice as long, since it oscillated."""
    replica_growth: Growth = Growth()
    thread_growth: Growth = Growth()
    undos: Annotated[tuple[Undo, ...], Field(max_length=6)] = ()
    """Moves whose effect is watched, and those that were taken back, by knob."""
    pods_for_one_worker: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    """Replicas that carry the load with one worker a pod; set while several workers become one."""
    worker_bytes: Annotated[int | None, Field(ge=0, le=2**50)] = None
    """Most memory that a worker took meanwhile."""
    learned: Learned = Learned()
    factor: FactorWatch = FactorWatch()


class Live(ApiModel):
    """What the pods with the agent were asked for, and how far they are."""

    generation: Count = 0
    """Rises with every change of the settings; 0: none was asked for yet."""
    settings: Annotated[str, Field(max_length=1024)] = ""
    """JSON, the same for every pod of the target."""
    changed_time: AwareDatetime | None = None
    """With microseconds: effects follow within less than a second."""
    pods: Count = 0
    agent_pods: Count = 0
    acknowledged_pods: Count = 0
    injection_time: Time | None = None
    """When the pods were restarted to bring the agent in; cleared as soon as all carry it."""
    failed_generation: Count | None = None
    """`metadata.generation` under which pods with the agent did not start; none is brought in until it changes."""
    removal_time: Time | None = None
    """When the pods were restarted to be rid of an agent that kept them from starting."""

    def gave_up(self, generation: int) -> bool:
        """Whether the agent is to stay out of the pods of an object of this generation."""
        return self.failed_generation == generation


class DatabaseShare(ApiModel):
    """The database that the spec names: what all hold of it, and what this object may have."""

    name: Annotated[str, Field(max_length=253)]
    cap_pods: Count
    """Replicas that this object may go up to now; never fewer than there are."""
    fair_pods: Count
    """Replicas that are its max-min fair share, could it use them."""
    wanted_pods: Count
    """Replicas that it would have, had it the connections; the others' shares follow from this."""
    held_pods: Count
    """Pods that count, those included that end, are to come, or surge in a rollout."""
    budget_connections: Count
    """maxConnections less the reserve; the smallest that an object states."""
    used_connections: Count
    """By the pods of all claimants, as many as each of them may open."""
    claimants: Annotated[tuple[Annotated[str, Field(max_length=512)], ...], Field(max_length=32)] = ()
    """`namespace/name` of the objects that name the database, this one included."""
    limits_differ: bool = False
    """Whether the objects state different budgets."""
    restart_fits: bool = True
    """Whether there are connections for the pods that a rolling restart has beside the others."""
    beyond_share_since: Time | None = None
    """Since when this object has more than its fair share, while another waits for its own."""


class FastAPITuningStatus(ApiModel):
    """Observed state; written only when something changed."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    target_uid: Annotated[str, Field(max_length=63)] = ""
    """The workload that all of this is about; one of the same name with another UID is another one."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = ()
    metrics_source: Annotated[str, Field(max_length=63)] = ""
    limiting_factor: LimitingFactor = LimitingFactor.UNKNOWN
    diagnosis: DiagnosisStatus = DiagnosisStatus()
    measured: Measured = Measured()
    objective: Annotated[str, Field(max_length=63, description='For people: "p99 < 500 ms".')] = ""
    latency: Annotated[str, Field(max_length=63, description='For people: "310/500 ms".')] = ""
    current: Settings = Settings()
    recommendation: Recommendation = Recommendation()
    applied: Settings = Settings()
    original: Settings = Settings()
    original_resources: Annotated[tuple[ResourceQuantity, ...], Field(max_length=4)] = ()
    """What the container had before its workers became pods, where that was divided."""
    live: Live = Live()
    database: DatabaseShare | None = None
    autoscaler: DrivenAutoscaler | None = None
    """The autoscaler whose bounds were moved (spec.replicas.via), with the bounds that it had."""
    last_decision: Decision | None = None
    decisions: Annotated[tuple[Decision, ...], Field(max_length=10)] = ()
    conflicts: Annotated[tuple[KnobConflict, ...], Field(max_length=16)] = ()
    """Knobs that are left to somebody else now."""
    considered: Annotated[tuple[Consideration, ...], Field(max_length=8)] = ()
    """How the newest cycle came to move what it moved, and to leave the rest; empty without data."""
    history: History = History()
