"""Pod → JSON patch that puts the agent in. Pure.

Only added to, never changed: an init container that copies the agent into an emptyDir, that directory at the front of
PYTHONPATH, files with the pod's own annotations, a port for the agent's metrics. Where there is no room for one of
these the pod stays as it is, and the refusal says why.

What is added must not make the API server refuse the pod: `failurePolicy: Ignore` covers a webhook that is down, and no
patch that is wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi_tuning.api.agent import AGENT_LABEL, INIT_CONTAINER, INJECT_ANNOTATION, INJECTED, SETTINGS_ANNOTATION
from fastapi_tuning.api.profile import PROFILE_ANNOTATION
from fastapi_tuning.api_server import Json

AGENT_VOLUME = "fastapi-tuning-agent"
AGENT_DIRECTORY = "/fastapi-tuning-agent"
SETTINGS_VOLUME = "fastapi-tuning-settings"
SETTINGS_DIRECTORY = "/etc/fastapi-tuning"
SETTINGS_FILE = "settings.json"
PROFILE_FILE = "profile.json"
METRICS_PORT_NAME = "ft-metrics"

_KILL_SWITCH = "FASTAPI_TUNING_AGENT"
_SETTINGS_FILE_VARIABLE = "FASTAPI_TUNING_SETTINGS_FILE"
_PROFILE_FILE_VARIABLE = "FASTAPI_TUNING_PROFILE_FILE"
_METRICS_PORT_VARIABLE = "FASTAPI_TUNING_METRICS_PORT"
_SCRAPE_ANNOTATIONS = "prometheus.io/"
_MOST_PORTS_TRIED = 100

Operation = dict[str, Any]
"""One operation of a JSON patch (RFC 6902)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSource:
    """Where the agent comes from, and the port it is to show its metrics on."""

    image: str
    pull_policy: str
    metrics_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The pod starts without the agent. `asked_for`: the user wants it so, and nobody need be told."""

    message: str
    asked_for: bool = False


def inject(pod: Json, container_name: str, settings: str, source: AgentSource) -> tuple[Operation, ...] | Refusal:
    """The patch for a pod about to be created; for one with the agent, at most what brings it to the front again.

    Args:
        container_name: the container that runs the app, one of `spec.containers`.
        settings: value of the settings annotation, the values that the pod starts with.
    """
    metadata, spec = pod["metadata"], pod["spec"]
    annotations: Json = metadata.get("annotations") or {}
    index = [container["name"] for container in spec["containers"]].index(container_name)
    container = spec["containers"][index]
    if any(each["name"] == INIT_CONTAINER for each in spec.get("initContainers") or ()):
        return tuple(_at_the_front(f"/spec/containers/{index}", container))
    if (refusal := _refusal(annotations, spec, container)) is not None:
        return refusal
    if _shows_settings(spec):
        # Somebody installed the agent with the app, and gave it the file: all it lacks are the values.
        return tuple(_merged("/metadata/annotations", annotations, {SETTINGS_ANNOTATION: settings}))
    port = _metrics_port(spec, container, source.metrics_port)
    if port is None:
        return Refusal(message=f"no free port for the agent's metrics from {source.metrics_port} on")
    added = {SETTINGS_ANNOTATION: settings, AGENT_LABEL: INJECTED, **_scrape_annotations(annotations, port)}
    at = f"/spec/containers/{index}"
    return (
        *_merged("/metadata/annotations", annotations, added),
        *_merged("/metadata/labels", metadata.get("labels") or {}, {AGENT_LABEL: INJECTED}),
        *_appended("/spec/volumes", spec.get("volumes"), _VOLUMES),
        *_appended("/spec/initContainers", spec.get("initContainers"), [_init_container(spec, container, source)]),
        *_appended(f"{at}/volumeMounts", container.get("volumeMounts"), _MOUNTS),
        *_environment(at, container, port),
        *_appended(f"{at}/ports", container.get("ports"), _missing_port(container, port)),
    )


def _refusal(annotations: Json, spec: Json, container: Json) -> Refusal | None:
    if annotations.get(INJECT_ANNOTATION) == "false":
        return Refusal(message="the pod opts out", asked_for=True)
    if _is_windows(spec):
        return Refusal(message="the agent's image runs on Linux only", asked_for=True)
    variables = {entry["name"]: entry for entry in container.get("env") or ()}
    if variables.get(_KILL_SWITCH, {}).get("value", "").strip().lower() in ("off", "false", "no", "0"):
        return Refusal(message=f"{_KILL_SWITCH} is off", asked_for=True)
    if _shows_settings(spec):
        return None
    if spec.get("hostNetwork"):
        return Refusal(message="with hostNetwork the agent's port would be one of the node")
    if any(each["name"] == INIT_CONTAINER for each in spec["containers"]):
        return Refusal(message=f"the pod has a container of the name {INIT_CONTAINER} already")
    if "valueFrom" in variables.get("PYTHONPATH", {}):
        return Refusal(message="PYTHONPATH comes from valueFrom, so nothing can be put before it: give it as a value")
    taken = {volume["name"] for volume in spec.get("volumes") or ()} & {AGENT_VOLUME, SETTINGS_VOLUME}
    if taken:
        return Refusal(message=f"the pod has a volume of the name {min(taken)} already")
    mounted = {mount["mountPath"].rstrip("/") for mount in container.get("volumeMounts") or ()}
    if taken := mounted & {AGENT_DIRECTORY, SETTINGS_DIRECTORY}:
        return Refusal(message=f"the container mounts something at {min(taken)} already")
    return None


def _is_windows(spec: Json) -> bool:
    system = (spec.get("os") or {}).get("name") or (spec.get("nodeSelector") or {}).get("kubernetes.io/os")
    return bool(system == "windows")


def _shows_settings(spec: Json) -> bool:
    path = f"metadata.annotations['{SETTINGS_ANNOTATION}']"
    return any(
        (item.get("fieldRef") or {}).get("fieldPath") == path
        for volume in spec.get("volumes") or ()
        for item in (volume.get("downwardAPI") or {}).get("items") or ()
    )


def _metrics_port(spec: Json, container: Json, first: int) -> int | None:
    """The port that the user chose by name or variable, else the first one that no container of the pod declares."""
    for declared_port in container.get("ports") or ():
        if declared_port.get("name") == METRICS_PORT_NAME:
            return int(declared_port["containerPort"])
    for entry in container.get("env") or ():
        if entry["name"] == _METRICS_PORT_VARIABLE:
            value = entry.get("value", "")
            return int(value) if value.isdecimal() and 0 < int(value) <= 65535 else None
    containers = (*spec["containers"], *(spec.get("initContainers") or ()))
    declared = {port["containerPort"] for each in containers for port in each.get("ports") or ()}
    candidates = range(first, min(first + _MOST_PORTS_TRIED, 65536))
    return next((port for port in candidates if port not in declared), None)


def _scrape_annotations(annotations: Json, port: int) -> Json:
    """For a Prometheus that goes by annotations; it knows one port a pod, so the user's own stand."""
    if any(name.startswith(_SCRAPE_ANNOTATIONS) for name in annotations):
        return {}
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": "/metrics"}


_VOLUMES: Sequence[Json] = (
    # In memory, because the cluster autoscaler does not remove nodes whose pods keep files on their disk.
    {"name": AGENT_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
    {
        "name": SETTINGS_VOLUME,
        "downwardAPI": {
            "items": [
                {"path": file, "fieldRef": {"fieldPath": f"metadata.annotations['{annotation}']"}}
                for file, annotation in ((SETTINGS_FILE, SETTINGS_ANNOTATION), (PROFILE_FILE, PROFILE_ANNOTATION))
            ]
        },
    },
)
_MOUNTS: Sequence[Json] = (
    {"name": AGENT_VOLUME, "mountPath": AGENT_DIRECTORY, "readOnly": True},
    {"name": SETTINGS_VOLUME, "mountPath": SETTINGS_DIRECTORY, "readOnly": True},
)


_ORDINARY_RESOURCES = ("cpu", "memory", "ephemeral-storage")


def _init_container(spec: Json, container: Json, source: AgentSource) -> Json:
    """Passes Pod Security "restricted". It runs under the pod's user, else under the image's; root alone is replaced.

    Resources are the app's own: what a LimitRange, a quota and the pod's quality of service ask for is met already, and
    the pod needs no more than before, since init containers run before the others.
    """
    resources = {
        kind: {name: amount for name, amount in amounts.items() if name in _ORDINARY_RESOURCES}
        for kind, amounts in (container.get("resources") or {}).items()
        if kind in ("requests", "limits") and amounts
    }
    security: Json = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if (spec.get("securityContext") or {}).get("runAsUser") == 0:
        security |= {"runAsUser": 65532, "runAsGroup": 65532}
    return {
        "name": INIT_CONTAINER,
        "image": source.image,
        "imagePullPolicy": source.pull_policy,
        "command": ["/venv/bin/python3", "-m", "fastapi_tuning.cli.copy_agent", AGENT_DIRECTORY],
        "resources": resources,
        "securityContext": security,
        "volumeMounts": [{"name": AGENT_VOLUME, "mountPath": AGENT_DIRECTORY}],
    }


def _environment(at: str, container: Json, port: int) -> Iterable[Operation]:
    entries: Sequence[Json] = container.get("env") or ()
    names = [entry["name"] for entry in entries]
    settings = {
        _SETTINGS_FILE_VARIABLE: f"{SETTINGS_DIRECTORY}/{SETTINGS_FILE}",
        _PROFILE_FILE_VARIABLE: f"{SETTINGS_DIRECTORY}/{PROFILE_FILE}",
        _METRICS_PORT_VARIABLE: str(port),
    }
    added: list[Json] = [{"name": name, "value": value} for name, value in settings.items() if name not in names]
    if "PYTHONPATH" in names:
        # The last entry of a name is the one that counts.
        index = len(names) - 1 - names[::-1].index("PYTHONPATH")
        path = entries[index].get("value", "")
        joined = f"{AGENT_DIRECTORY}:{path}" if path else AGENT_DIRECTORY
        yield {"op": "replace", "path": f"{at}/env/{index}", "value": {"name": "PYTHONPATH", "value": joined}}
    elif container.get("envFrom"):
        # One from there would be hidden. The kubelet resolves the reference, and leaves it as it is if there is none.
        added.append({"name": "PYTHONPATH", "value": f"{AGENT_DIRECTORY}:$(PYTHONPATH)"})
    else:
        added.append({"name": "PYTHONPATH", "value": AGENT_DIRECTORY})
    yield from _appended(f"{at}/env", entries, added)


def _at_the_front(at: str, container: Json) -> Iterable[Operation]:
    """Other injectors put themselves first, and Python runs one sitecustomize only: ours, which then runs the next."""
    for index, entry in enumerate(container.get("env") or ()):
        path = (entry.get("value") or "").split(":")
        if entry["name"] == "PYTHONPATH" and AGENT_DIRECTORY in path[1:] and path[0] != AGENT_DIRECTORY:
            joined = ":".join([AGENT_DIRECTORY, *(each for each in path if each != AGENT_DIRECTORY)])
            yield {"op": "replace", "path": f"{at}/env/{index}/value", "value": joined}


def _missing_port(container: Json, port: int) -> Sequence[Json]:
    declared = {each["containerPort"] for each in container.get("ports") or ()}
    return [] if port in declared else [{"name": METRICS_PORT_NAME, "containerPort": port, "protocol": "TCP"}]


def _merged(path: str, present: Json, added: Json) -> Iterable[Operation]:
    """Operations that set keys of a map, which they make if there is none."""
    if not present:
        yield {"op": "add", "path": path, "value": dict(added)}
        return
    for key, value in added.items():
        yield {"op": "add", "path": f"{path}/{key.replace('~', '~0').replace('/', '~1')}", "value": value}


def _appended(path: str, present: Sequence[Json] | None, added: Sequence[Json]) -> Iterable[Operation]:
    """Operations that lengthen a list, which they make if there is none."""
    if not added:
        return
    if not present:
        yield {"op": "add", "path": path, "value": list(added)}
        return
    for each in added:
        yield {"op": "add", "path": f"{path}/-", "value": each}
