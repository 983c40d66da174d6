"""An API server in memory: what the stages need of Kubernetes, with its compare-and-set and its field owners."""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi_tuning.api.agent import SETTINGS_ANNOTATION
from fastapi_tuning.api_server import FIELD_MANAGER, Json, PatchType
from fastapi_tuning.errors import Conflict, FieldConflict, NotFound, WriteRejected

DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments/{}"


@dataclass
class FakeApiServer:
    """An ApiServer; `changed` tells what was written, `owners` who owns which variable of a Deployment."""

    deployments: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, list[Json]] = field(default_factory=dict)
    autoscalers: dict[str, list[Json]] = field(default_factory=dict)
    controllers: dict[str, list[Json]] = field(default_factory=dict)
    """Objects of kinds that not every cluster knows, by the kind's plural, the same in every namespace."""
    statuses: dict[str, list[Json]] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    owners: dict[tuple[str, str], str] = field(default_factory=dict)
    own_resources: set[tuple[str, str, str]] = field(default_factory=set)
    """Path, kind and resource of quantities that we set."""
    changed: list[str] = field(default_factory=list)
    admit: Callable[[Json], Json] = lambda pod: pod
    """What admission makes of a new pod."""
    refused_pods: set[str] = field(default_factory=set)
    """Pods that may not be written to."""
    refuses_events: bool = False
    refuses_status: bool = False

    def add_deployment(
        self, name: str = "checkout", *, namespace: str = "shop", replicas: int = 2, **container: Any
    ) -> Json:
        """A Deployment that uvicorn serves, all of its pods ready."""
        path = DEPLOYMENTS.format(namespace, name)
        labels = {"app": name}
        self.deployments[path] = {
            "metadata": {"name": name, "uid": f"{namespace}-{name}", "resourceVersion": "1", "generation": 1},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "app", "command": ["uvicorn", "app:app"], **container}]},
                },
            },
            "status": {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas},
        }
        self.pods.setdefault(namespace, []).extend(self._pod(f"{name}-{index}", labels) for index in range(replicas))
        return self.deployments[path]

    def add_autoscaler(self, name: str, target: str, *, namespace: str = "shop", **spec: Any) -> Json:
        reference = {"kind": "Deployment", "name": target}
        metadata = {"name": name, "uid": f"{namespace}-{name}", "resourceVersion": "1"}
        scaler: Json = {"metadata": metadata, "spec": {"scaleTargetRef": reference, **spec}}
        self.autoscalers.setdefault(namespace, []).append(scaler)
        return scaler

    def environment(self, name: str = "checkout", *, namespace: str = "shop") -> dict[str, str]:
        (container,) = self.deployments[DEPLOYMENTS.format(namespace, name)]["spec"]["template"]["spec"]["containers"]
        return {entry["name"]: entry["value"] for entry in container.get("env", [])}

    def settings_of_pods(self, *, namespace: str = "shop") -> dict[str, str]:
        """The settings annotation by pod, of those that have one."""
        found = {pod["metadata"]["name"]: pod["metadata"].get("annotations") or {} for pod in self.pods[namespace]}
        return {pod: each[SETTINGS_ANNOTATION] for pod, each in found.items() if SETTINGS_ANNOTATION in each}

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        if path in self.deployments:
            deployment = copy.deepcopy(self.deployments[path])
            deployment["metadata"].setdefault("managedFields", self._managed_fields(path))
            return deployment
        parts = path.strip("/").split("/")
        if "namespaces" not in parts:
            raise NotFound(f"{path} not found")
        namespace, kind = parts[parts.index("namespaces") + 1], parts[-1]
        if kind == "pods":
            selector = (query or {})["labelSelector"]
            found = [pod for pod in self.pods.get(namespace, []) if _selects(selector, pod["metadata"]["labels"])]
            return {"items": copy.deepcopy(found)}
        if kind == "horizontalpodautoscalers":
            return {"items": copy.deepcopy(self.autoscalers.get(namespace, []))}
        if kind in self.controllers:
            return {"items": copy.deepcopy(self.controllers[kind])}
        raise NotFound(f"{path} not found")

    def _managed_fields(self, path: str) -> list[Json]:
        """What we own; others show only in `managedFields` that a test sets, and in conflicts."""
        names = [name for (where, name), owner in self.owners.items() if (where, owner) == (path, FIELD_MANAGER)]
        ours: Json = {f'k:{{"name":"{name}"}}': {} for name in names}
        resources: Json = {}
        for where, kind, resource in self.own_resources:
            if where == path:
                resources.setdefault(f"f:{kind}", {})[f"f:{resource}"] = {}
        containers = {'k:{"name":"app"}': {"f:env": ours, "f:resources": resources}}
        template = {"f:spec": {"f:template": {"f:spec": {"f:containers": containers}}}}
        return [{"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": template}]

    async def patch(self, path: str, body: Json, patch_type: PatchType) -> Json:
        if path.endswith("/status"):
            return self._patch_status(path, body)
        if path.endswith("/scale"):
            return self._scale(path.removesuffix("/scale"), body)
        if "/pods/" in path:
            return self._patch_pod(path, body)
        if "/horizontalpodautoscalers/" in path or "/scaledobjects/" in path:
            return self._patch_autoscaler(path, body)
        if patch_type is PatchType.STRATEGIC:
            return self._merge_template(path, body)
        assert patch_type is PatchType.APPLY, "the template is only ever applied, or merged by names"
        return self._apply(path, body)

    async def post(self, path: str, body: Json) -> Json:
        if self.refuses_events:
            raise WriteRejected("events are forbidden")
        self.events.append(body)
        return body

    def _patch_status(self, path: str, body: Json) -> Json:
        if self.refuses_status:
            raise WriteRejected("status is forbidden")
        self.statuses.setdefault(path.split("/")[-2], []).append(body["status"])
        return body

    def _patch_pod(self, path: str, body: Json) -> Json:
        namespace, name = path.split("/")[4], path.split("/")[-1]
        if name in self.refused_pods:
            raise WriteRejected("pods are forbidden")
        for pod in self.pods.get(namespace, []):
            if pod["metadata"]["name"] == name:
                merged = (pod["metadata"].get("annotations") or {}) | body["metadata"]["annotations"]
                pod["metadata"]["annotations"] = {key: value for key, value in merged.items() if value is not None}
                self.changed.append(path)
                return body
        raise NotFound(f"{path} not found")

    def _scale(self, path: str, body: Json) -> Json:
        deployment = self._found(path)
        expected = body.get("metadata", {}).get("resourceVersion")
        if expected not in (None, deployment["metadata"]["resourceVersion"]):
            raise Conflict("the object has been modified; please apply your changes to the latest version")
        deployment["spec"]["replicas"] = body["spec"]["replicas"]
        self._touch(path, deployment)
        return body

    def _patch_autoscaler(self, path: str, body: Json) -> Json:
        """A merge patch of the spec by compare-and-set, after which the fields are ours. It makes no pods."""
        namespace, kind, name = path.split("/")[-3:]
        known = self.controllers[kind] if kind in self.controllers else self.autoscalers.get(namespace, [])
        for scaler in known:
            metadata = scaler["metadata"]
            if metadata["name"] != name:
                continue
            if (
                body.get("metadata", {}).get("resourceVersion", metadata["resourceVersion"])
                != (metadata["resourceVersion"])
            ):
                raise Conflict("the object has been modified; please apply your changes to the latest version")
            merged = {**scaler["spec"], **body["spec"]}
            scaler["spec"] = {key: value for key, value in merged.items() if value is not None}
            metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
            fields: Json = {"f:spec": {f"f:{field}": {} for field in body["spec"]}}
            ours = {"manager": FIELD_MANAGER, "operation": "Update", "time": "2026-01-01T12:00:00Z", "fieldsV1": fields}
            metadata["managedFields"] = [ours]
            self.changed.append(path)
            return body
        raise NotFound(f"{path} not found")

    def _apply(self, path: str, body: Json) -> Json:
        """Server-side apply without force: what we left out is removed, what others own is a conflict."""
        deployment = self._found(path)
        template = body["spec"]["template"]
        deployment["spec"]["template"]["metadata"]["annotations"] = template.get("metadata", {}).get("annotations", {})
        (applied,) = template["spec"]["containers"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert applied["name"] == container["name"]
        wanted = {entry["name"]: entry["value"] for entry in applied["env"]}
        present = {entry["name"]: entry["value"] for entry in container.get("env", [])}
        for name, value in wanted.items():
            owner = self.owners.get((path, name), FIELD_MANAGER)
            if owner != FIELD_MANAGER and present.get(name) != value:
                where = f'.spec.template.spec.containers[name="{applied["name"]}"].env[name="{name}"].value'
                raise FieldConflict(f'conflict with "{owner}": {where}')
        ours = {name for name in present if self.owners.get((path, name)) == FIELD_MANAGER}
        kept = {name: value for name, value in present.items() if name not in ours}
        container["env"] = [{"name": name, "value": value} for name, value in {**kept, **wanted}.items()]
        self.owners |= {(path, name): self.owners.get((path, name), FIELD_MANAGER) for name in wanted}
        self._touch(path, deployment)
        return body

    def _merge_template(self, path: str, body: Json) -> Json:
        """A strategic merge patch of variables and resources, by compare-and-set; the values are ours then."""
        deployment = self._found(path)
        expected = body.get("metadata", {}).get("resourceVersion")
        if expected not in (None, deployment["metadata"]["resourceVersion"]):
            raise Conflict("the object has been modified; please apply your changes to the latest version")
        (changed,) = body["spec"]["template"]["spec"]["containers"]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        variables = {entry["name"]: entry["value"] for entry in container.get("env", [])}
        for entry in changed["env"]:
            if entry.get("$patch") == "delete":
                variables.pop(entry["name"], None)
            else:
                variables[entry["name"]] = entry["value"]
                self.owners[path, entry["name"]] = FIELD_MANAGER
        container["env"] = [{"name": name, "value": value} for name, value in variables.items()]
        for kind, quantities in changed["resources"].items():
            container.setdefault("resources", {}).setdefault(kind, {}).update(quantities)
            self.own_resources.update((path, kind, resource) for resource in quantities)
        self._touch(path, deployment)
        return body

    def _found(self, path: str) -> Json:
        if path not in self.deployments:
            raise NotFound(f"{path} not found")
        return self.deployments[path]

    def _touch(self, path: str, deployment: Json) -> None:
        """Each write makes a new version; pods follow at once."""
        metadata, replicas = deployment["metadata"], deployment["spec"]["replicas"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
        deployment["status"].update(replicas=replicas, updatedReplicas=replicas)
        labels = deployment["spec"]["selector"]["matchLabels"]
        namespace = path.split("/")[5]
        others = [pod for pod in self.pods[namespace] if pod["metadata"]["labels"] != labels]
        fresh = [self._pod(f"{metadata['name']}-{index}", labels) for index in range(replicas)]
        self.pods[namespace] = [*others, *fresh]
        self.changed.append(path)

    def _pod(self, name: str, labels: dict[str, str]) -> Json:
        return self.admit(
            {
                "metadata": {"name": name, "labels": labels},
                "spec": {"containers": [{"name": "app"}]},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
        )


def _selects(selector: str, labels: dict[str, str]) -> bool:
    """Equalities and `key in (…)`, as the API server reads them; the rest of its grammar no test needs."""
    for requirement in re.split(r",(?![^(]*\))", selector):
        key, values = re.fullmatch(r"([^=\s]+)(?:=| in \()([^)]*)\)?", requirement).groups()  # type: ignore[union-attr]
        if labels.get(key) not in values.split(","):
            return False
    return True


def with_agent(pod: Json) -> Json:
    """The pod after the webhook, as far as the operator looks at it."""
    item = {"path": "settings.json", "fieldRef": {"fieldPath": f"metadata.annotations['{SETTINGS_ANNOTATION}']"}}
    volume = {"name": "fastapi-tuning-settings", "downwardAPI": {"items": [item]}}
    return {**pod, "spec": {**pod["spec"], "volumes": [volume]}}
