"""Pods that a Deployment has beside its replicas: those that end, and those of a rolling update. Pure."""

from collections.abc import Iterable

from fastapi_tuning.api_server import Json
from fastapi_tuning.control.rolling_update import PodCount, RollingUpdate

_FINISHED = ("Succeeded", "Failed")
_DEFAULT = "25%"


def ending_pods(pods: Iterable[Json], replicas: int) -> int:
    """Pods that are being deleted, and those that soon will be since there are more than replicas.

    Until it is gone a pod may hold connections; one that finished holds none.
    """
    living = [pod for pod in pods if pod.get("status", {}).get("phase") not in _FINISHED]
    deleted = sum("deletionTimestamp" in pod["metadata"] for pod in living)
    return deleted + max(0, len(living) - deleted - replicas)


def rolling_update_of(spec: Json) -> RollingUpdate | None:
    """The strategy of a Deployment that was checked; None for Recreate."""
    strategy = spec.get("strategy", {})
    if strategy.get("type") == "Recreate":
        return None
    written = strategy.get("rollingUpdate", {})
    return RollingUpdate(
        max_surge=_count(written.get("maxSurge", _DEFAULT)),
        max_unavailable=_count(written.get("maxUnavailable", _DEFAULT)),
    )


def _count(written: int | str) -> PodCount:
    if isinstance(written, int):
        return PodCount(pods=written)
    return PodCount(percent=int(written.removesuffix("%")))
