"""What keeps pods of a target from running: no node that takes them, no memory that is enough. Pure."""

from collections.abc import Iterable
from datetime import datetime

from fastapi_tuning.api_server import Json
from fastapi_tuning.control.observation import Unschedulable

_MESSAGE_LENGTH = 200
_OUT_OF_MEMORY = "OOMKilled"


def unschedulable(pods: Iterable[Json]) -> Unschedulable | None:
    """Pods for which the scheduler finds no node; None where there are none."""
    refusals = [refusal for pod in pods if _is_staying(pod) and (refusal := _refusal(pod)) is not None]
    return Unschedulable(pods=len(refusals), message=refusals[0][:_MESSAGE_LENGTH]) if refusals else None


def out_of_memory_time(pods: Iterable[Json], container: str) -> datetime | None:
    """When this container was last killed for its memory in one of the pods; None: in none of them."""
    ends = [end for pod in pods if _is_staying(pod) for end in _ends(pod, container)]
    times = [end.get("finishedAt") for end in ends if end.get("reason") == _OUT_OF_MEMORY]
    return max((datetime.fromisoformat(time) for time in times if time), default=None)


def _is_staying(pod: Json) -> bool:
    return "deletionTimestamp" not in pod["metadata"]


def _refusal(pod: Json) -> str | None:
    """What the scheduler says of a pod that it refuses."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        refused = condition["type"] == "PodScheduled" and condition["status"] == "False"
        if refused and condition.get("reason") == "Unschedulable":
            return str(condition.get("message") or "no node fits")
    return None


def _ends(pod: Json, container: str) -> list[Json]:
    """How the container ended, now and before."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    states = [
        status.get(kind) or {} for status in statuses if status["name"] == container for kind in ("state", "lastState")
    ]
    return [state["terminated"] for state in states if state.get("terminated")]
