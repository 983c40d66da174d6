"""What can be moved, between which bounds, and how a wish to move it is stated."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, Mode, WorkersMode


class Knob(StrEnum):
    """What can be moved, in the order of what a move costs."""

    THREADS = "threadPool"
    REPLICAS = "replicas"
    """With spec.replicas.via the least pods that the autoscaler makes."""
    CEILING = "maxReplicas"
    """The most pods that it makes."""
    LIMIT_CONCURRENCY = "limitConcurrency"
    TIMEOUT_KEEP_ALIVE = "timeoutKeepAlive"
    LIMIT_MAX_REQUESTS = "limitMaxRequests"
    WORKERS = "workers"


VARIABLES: Mapping[Knob, str] = {
    Knob.THREADS: "FASTAPI_TUNING_THREAD_POOL_SIZE",
    Knob.LIMIT_CONCURRENCY: "UVICORN_LIMIT_CONCURRENCY",
    Knob.TIMEOUT_KEEP_ALIVE: "UVICORN_TIMEOUT_KEEP_ALIVE",
    Knob.LIMIT_MAX_REQUESTS: "UVICORN_LIMIT_MAX_REQUESTS",
}
"""The environment variable that carries a setting into the pod."""
WORKER_VARIABLES = ("UVICORN_WORKERS", "WEB_CONCURRENCY")
"""Both are set to 1: which one a launcher reads differs."""
ENFORCING_VARIABLE, ENFORCING_VALUE = "FASTAPI_TUNING_WORKERS_MODE", "Enforce"
"""Makes the agent start one worker, whatever the command line says."""
_LARGEST_COUNT = 2**31 - 1
"""As Kubernetes has it. What the most pods may be is worked out where they are proposed: never below the least."""
COUNTS_OF_PODS = (Knob.REPLICAS, Knob.CEILING)
"""What moves pods and is not in their template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One knob, where it is (None: not known) and where it should be."""

    knob: Knob
    current: int | None
    wanted: int
    reason: Reason
    message: str
    saves_pods: int = 0
    """Pods that the move makes superfluous; a restart must be worth it."""

    @property
    def is_up(self) -> bool:
        return self.current is None or self.wanted > self.current

    @property
    def is_down(self) -> bool:
        return self.current is not None and self.wanted < self.current


def mode_of(spec: FastAPITuningSpec, knob: Knob) -> Mode:
    """The knob's effective mode: the lesser of the object's and its own."""
    own = {
        Knob.REPLICAS: spec.replicas.mode,
        Knob.CEILING: spec.replicas.mode,
        Knob.THREADS: spec.thread_pool.mode,
        Knob.LIMIT_CONCURRENCY: spec.uvicorn.limit_concurrency.mode,
        Knob.TIMEOUT_KEEP_ALIVE: spec.uvicorn.timeout_keep_alive.mode,
        Knob.LIMIT_MAX_REQUESTS: spec.uvicorn.limit_max_requests.mode,
        Knob.WORKERS: Mode.AUTO if spec.workers.mode is WorkersMode.ENFORCE else Mode.RECOMMEND,
    }
    return spec.effective_mode(own[knob])


def bounds_of(spec: FastAPITuningSpec, knob: Knob) -> tuple[int, int]:
    """Least and greatest value that the spec allows; a fixed value is both."""
    uvicorn = spec.uvicorn
    bounds = {
        Knob.REPLICAS: (spec.replicas.min, spec.replicas.max),
        Knob.CEILING: (0, _LARGEST_COUNT),
        Knob.THREADS: (spec.thread_pool.min, spec.thread_pool.max),
        Knob.LIMIT_CONCURRENCY: (uvicorn.limit_concurrency.min, uvicorn.limit_concurrency.max),
        Knob.TIMEOUT_KEEP_ALIVE: (uvicorn.timeout_keep_alive.min, uvicorn.timeout_keep_alive.max),
        Knob.LIMIT_MAX_REQUESTS: (uvicorn.limit_max_requests.requests, uvicorn.limit_max_requests.requests),
        Knob.WORKERS: (1, 1),
    }
    return bounds[knob]


def within(spec: FastAPITuningSpec, knob: Knob, value: int) -> int:
    """The value, cut to the bounds of the spec."""
    least, greatest = bounds_of(spec, knob)
    return max(least, min(greatest, value))
