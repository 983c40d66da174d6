"""Does a pod fit one process? What k workers in a pod reserve, and what one of them needs as measured. Pure.

With spec.workers.mode Enforce k workers in a pod become k pods of one (control/workers.py). A process of Python
computes on one core at a time, and takes the memory that it was seen to take.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.resources import ResourceQuantity, WorkerResources
from fastapi_tuning.control.guards.settings import MEMORY_SHARE
from fastapi_tuning.control.guards.verdict import Hold
from fastapi_tuning.control.observation import PodTraffic, Reservation, Signals, Traffic, Workload

_CPU_SHARE = 0.8
"""A fifth of what is measured stays free, of CPU as of memory."""
_LEAST_CORES, _LEAST_BYTES = 0.01, 2**20
"""Steps that quantities are rounded up to: 10m and 1Mi."""
_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one process needs with a fifth to spare; None: nobody measures it."""

    cores: float | None
    memory_bytes: float | None

    def of(self, resource: str) -> float | None:
        return self.cores if resource == "cpu" else self.memory_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether one process fits what a pod has, or will have."""

    hold: Hold | None
    """Why the workers must not become pods; None: they may."""
    divided: tuple[ResourceQuantity, ...]
    """What each pod is to have from then on; empty: what it has."""
    told: str
    """For people, with numbers."""


def need_of_one(workload: Workload, signals: Signals, remembered_bytes: int | None = None) -> Need:
    """By the largest process of all pods.

    Args:
        remembered_bytes: what one took before load was spread over more pods.
    """
    pods = signals.pods if isinstance(signals, Traffic) else ()
    taken = [size for pod in pods if (size := _process_bytes(pod, workload)) is not None]
    largest = max([*taken, *([] if remembered_bytes is None else [remembered_bytes])], default=None)
    cores = max((cores for pod in pods if (cores := _process_cores(pod, workload)) is not None), default=None)
    return Need(
        cores=None if cores is None else cores / _CPU_SHARE,
        memory_bytes=None if largest is None else largest / MEMORY_SHARE,
    )


def process_bytes(workload: Workload, signals: Signals) -> int | None:
    """What the largest process takes now; None: nobody measures it."""
    need = need_of_one(workload, signals).memory_bytes
    return None if need is None else round(need * MEMORY_SHARE)


def fit_of(workload: Workload, need: Need, resources: WorkerResources, *, permitted: bool) -> Fit:
    """Judge, and divide where that is asked for.

    Args:
        permitted: whether the operator's own settings let it change resources.
    """
    told = reserved_told(workload, need)
    limit = _amount(workload, "limits", "memory")
    if limit is not None and need.memory_bytes is not None and need.memory_bytes > limit:
        message = f"one process needs {_mib(need.memory_bytes)} with a fifth free; limits.memory is {_mib(limit)}"
        return Fit(hold=Hold(reason=Reason.PROCESS_DOES_NOT_FIT, message=message), divided=(), told=told)
    if resources is WorkerResources.KEEP or not workload.resources:
        return Fit(hold=None, divided=(), told=told)
    hold = _obstacle(workload, need, permitted=permitted)
    divided = () if hold is not None else divided_resources(workload.resources, workload.launch.workers or 1, need)
    each = ", ".join(quantity.told for quantity in divided)
    return Fit(hold=hold, divided=divided, told=f"divided, each pod has {each}" if each else told)


def divided_resources(reservations: Iterable[Reservation], workers: int, need: Need) -> tuple[ResourceQuantity, ...]:
    """A share each, rounded up, not below what one process needs and never above what there is.

    The same rule for requests and limits, so that none of the former exceeds its limit.
    """
    return tuple(_divided(each, workers, need.of(each.resource) or 0.0) for each in reservations)


def reserved_told(workload: Workload, need: Need) -> str:
    """What the pods reserve together if each keeps what it has, and what of it one process cannot use."""
    workers, requests = workload.launch.workers or 1, [each for each in workload.resources if each.kind == "requests"]
    pods = f"{workers} pods for each of now"
    told = [f"{pods} reserve {_sums(requests, workers)}"] if requests else [f"{pods} reserve nothing by requests"]
    vain = [
        f"{each.told}: one process computes on 1 core, {each.amount - 1:.2f} are in vain"
        for each in workload.resources
        if each.resource == "cpu" and each.amount > 1
    ]
    measured = [] if need.memory_bytes is None else [f"one process needs {_mib(need.memory_bytes)} with a fifth free"]
    return "; ".join([*told, *vain, *measured])


def _sums(requests: Iterable[Reservation], workers: int) -> str:
    def total(each: Reservation) -> str:
        whole = each.amount * workers
        return f"{whole:.2f} cores" if each.resource == "cpu" else _mib(whole)

    return " and ".join(f"{workers} × {each.told} = {total(each)}" for each in requests)


def _obstacle(workload: Workload, need: Need, *, permitted: bool) -> Hold | None:
    """Known before the replicas are multiplied: a refusal after that would leave too many pods."""
    if not permitted:
        message = "workers.resources is Divide, and the operator's settings do not permit it (workers.divideResources)"
        return Hold(reason=Reason.RESOURCES_NOT_PERMITTED, message=message)
    owner = next((each for each in workload.resources if each.owner is not None), None)
    if owner is not None:
        return Hold(reason=Reason.FIELD_CONFLICT, message=f"{owner.told} is owned by {owner.owner}")
    if need.memory_bytes is None and any(each.resource == "memory" for each in workload.resources):
        message = "what one process takes is not measured (process_resident_memory_bytes): none is divided blindly"
        return Hold(reason=Reason.PROCESS_NOT_MEASURED, message=message)
    return None


def _divided(each: Reservation, workers: int, need: float) -> ResourceQuantity:
    step = _LEAST_CORES if each.resource == "cpu" else _LEAST_BYTES
    steps = math.ceil(round(max(each.amount / workers, need) / step, 6))
    if steps * step >= each.amount:
        return ResourceQuantity(kind=each.kind, resource=each.resource, quantity=each.quantity)
    text = f"{steps * 10}m" if each.resource == "cpu" else f"{steps}Mi"
    return ResourceQuantity(kind=each.kind, resource=each.resource, quantity=text)


def _process_bytes(pod: PodTraffic, workload: Workload) -> float | None:
    """The agent adds up the workers of a pod; a library tells of the one that answered."""
    if pod.resident_bytes is None:
        return None
    return pod.resident_bytes / (workload.launch.workers or 1) if pod.sums_workers else pod.resident_bytes


def _process_cores(pod: PodTraffic, workload: Workload) -> float | None:
    if pod.cpu_cores is None:
        return None
    return pod.cpu_cores / (workload.launch.workers or 1) if pod.sums_workers else pod.cpu_cores


def _amount(workload: Workload, kind: str, resource: str) -> float | None:
    return next((each.amount for each in workload.resources if (each.kind, each.resource) == (kind, resource)), None)


def _mib(size: float) -> str:
    return f"{size / _MIB:.0f} MiB"
