"""Writes a request for a profile into a pod's annotation, and takes it back. By compare-and-set, one at a time."""

from collections.abc import Callable
from datetime import datetime

from fastapi_tuning.api.profile import PROFILE_ANNOTATION, ProfileRequest, is_taken
from fastapi_tuning.api_server import ApiServer, PatchType
from fastapi_tuning.errors import Conflict, NotFound, ProfileUnavailable

_ATTEMPTS = 5


async def ask(api: ApiServer, pod_path: str, request: ProfileRequest, now: datetime) -> None:
    """Put the request into the pod.

    Raises:
        ProfileUnavailable: somebody else is profiling the pod.
        NotFound, TargetUnavailable, WriteRejected: nothing was changed.
    """

    def asked(present: str | None) -> str | None:
        if is_taken(present, now):
            raise ProfileUnavailable("somebody is profiling this pod now: try again in a few minutes")
        return request.text()

    await _change(api, pod_path, asked)


async def withdraw(api: ApiServer, pod_path: str, request: ProfileRequest) -> None:
    """Take the request out of the pod, which ends a profile that runs. One of somebody else stays.

    Raises:
        TargetUnavailable, WriteRejected: it may still be there.
    """
    ours = request.text()
    try:
        await _change(api, pod_path, lambda present: None if present == ours else present)
    except NotFound:
        return


async def _change(api: ApiServer, pod_path: str, change: Callable[[str | None], str | None]) -> None:
    """The kubelet writes to pods all the time, so a conflict says little: the pod is read again."""
    for attempt in range(_ATTEMPTS):
        metadata = (await api.get(pod_path))["metadata"]
        present = (metadata.get("annotations") or {}).get(PROFILE_ANNOTATION)
        wanted = change(present)
        if wanted == present:
            return
        annotations = {PROFILE_ANNOTATION: wanted}
        body = {"metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": annotations}}
        try:
            await api.patch(pod_path, body, PatchType.MERGE)
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return
