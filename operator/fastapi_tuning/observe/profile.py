"""Where the agent of a pod gives out profiles, and what it says there: through the API server, by its rights."""

import re
from collections.abc import Iterator

from fastapi_tuning.api.profile import PROFILE_ANNOTATION, TOKEN_HEADER, Worker, workers_of
from fastapi_tuning.api_server import Json, KubernetesApi, resource_path
from fastapi_tuning.errors import NotFound, ProfileUnavailable

_PORT_VARIABLE = "FASTAPI_TUNING_METRICS_PORT"
_PORT = re.compile("[0-9]{1,5}")
_PORT_NAME = "ft-metrics"


def profile_path(pod: Json, namespace: str) -> str:
    """Path of the pod's profile at the API server.

    Raises:
        ProfileUnavailable: the pod was not made so that its agent could be asked.
    """
    metadata, spec = pod["metadata"], pod["spec"]
    if not any(_shows_requests(volume) for volume in spec.get("volumes") or ()):
        raise ProfileUnavailable(
            f"the agent of pod {metadata['name']} cannot be asked: the pod has none, or does not show it requests;"
            " one from before there were profiles takes a restart of the Deployment (docs/profile.md)"
        )
    if (pod.get("status") or {}).get("phase") not in ("Running", None):
        raise ProfileUnavailable(f"pod {metadata['name']} does not run")
    port = next(_ports(spec), None)
    if port is None:
        raise ProfileUnavailable(f"pod {metadata['name']} has neither {_PORT_VARIABLE} nor a port {_PORT_NAME}")
    name = f"{metadata['name']}:{port}"
    return f"{resource_path('v1', 'pods', namespace=namespace, name=name, subresource='proxy')}/profile"


async def read_profile(api: KubernetesApi, path: str, token: str) -> tuple[Worker, ...]:
    """What the processes of the pod say now; empty: they know of no such request (yet).

    Raises:
        TargetUnavailable: no answer, or not allowed.
        ProfileUnavailable: an answer of something else than the agent.
    """
    try:
        answer = await api.get(path, headers={TOKEN_HEADER: token})
    except NotFound:
        return ()
    return workers_of(answer)


def _shows_requests(volume: Json) -> bool:
    wanted = f"metadata.annotations['{PROFILE_ANNOTATION}']"
    items = (volume.get("downwardAPI") or {}).get("items") or ()
    return any((item.get("fieldRef") or {}).get("fieldPath") == wanted for item in items)


def _ports(spec: Json) -> Iterator[int]:
    for container in spec["containers"]:
        for entry in container.get("env") or ():
            if entry["name"] == _PORT_VARIABLE and _PORT.fullmatch(entry.get("value") or ""):
                yield int(entry["value"])
    for container in spec["containers"]:
        yield from (port["containerPort"] for port in container.get("ports") or () if port.get("name") == _PORT_NAME)
