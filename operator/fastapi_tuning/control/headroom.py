"""How close a container is to its memory limit."""

from datetime import datetime, timedelta

from fastapi_tuning.control.observation import Traffic, Workload

_REMEMBERED = timedelta(minutes=10)
"""A container that was killed longer ago says nothing of what is now."""


def fullest_share(traffic: Traffic, workload: Workload) -> float | None:
    """Resident memory of the fullest pod over the container's limit; None where either is unknown."""
    used = max((pod.resident_bytes for pod in traffic.pods if pod.resident_bytes is not None), default=None)
    return None if used is None or not workload.memory_limit_bytes else used / workload.memory_limit_bytes


def was_killed(workload: Workload, now: datetime) -> bool:
    """Whether a container was killed for its memory in the last ten minutes."""
    time = workload.out_of_memory_time
    return time is not None and now - time <= _REMEMBERED
