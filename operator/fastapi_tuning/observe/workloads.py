"""Reads the target of a FastAPITuning from the API server: Deployment and ready pods, and who else moves it."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from kubernetes.utils.quantity import parse_quantity

from fastapi_tuning.api.agent import INJECT_ANNOTATION
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import TargetReference
from fastapi_tuning.api.status import Settings
from fastapi_tuning.api.via import ReplicasVia
from fastapi_tuning.api_server import ApiServer, Json, resource_path
from fastapi_tuning.control.foreign_owner import ForeignOwner
from fastapi_tuning.control.knobs import VARIABLES, WORKER_VARIABLES
from fastapi_tuning.control.observation import Workload
from fastapi_tuning.errors import ContainerNotFound, TargetNotUnderstood
from fastapi_tuning.observe.agents import Agents, agents_of, ready_since
from fastapi_tuning.observe.autoscalers import through_autoscaler
from fastapi_tuning.observe.controllers import Controllers
from fastapi_tuning.observe.foreign_owners import owners_by_fields, owners_by_objects, replicas_set_by
from fastapi_tuning.observe.label_selector import selector_text
from fastapi_tuning.observe.launch import launch_form
from fastapi_tuning.observe.manifest import checked_deployment, checked_pods
from fastapi_tuning.observe.ownership import foreign_variables, own_variables, settings_in
from fastapi_tuning.observe.pod_trouble import out_of_memory_time, unschedulable
from fastapi_tuning.observe.pods_beside import ending_pods, rolling_update_of
from fastapi_tuning.observe.quantity import quantity_of
from fastapi_tuning.observe.resources import reservations_of
from fastapi_tuning.observe.signals import PodKey

OUR_VARIABLES = frozenset((*VARIABLES.values(), *WORKER_VARIABLES))
HTTP_PORT_NAMES = ("http", "web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A workload together with its ready pods, by whose names its metrics are found, and their agents."""

    workload: Workload
    ready_since: Mapping[PodKey, datetime]
    agents: Agents
    own_variables: frozenset[str]
    """Variables in the pod template that we set."""
    rolled_out: Settings
    """What they say."""
    injectable: bool
    """Whether the pod template lets the webhook bring the agent in."""

    @property
    def ready_pods(self) -> frozenset[PodKey]:
        return frozenset(self.ready_since)


def deployment_path(namespace: str, name: str) -> str:
    """Path of a Deployment.

    Raises:
        NotFound: no Deployment can have this name.
    """
    return resource_path("apps/v1", "deployments", namespace=namespace, name=name)


async def read_target(
    api: ApiServer,
    namespace: str,
    reference: TargetReference,
    controllers: Controllers,
    via: ReplicasVia | None = None,
) -> Target:
    """The target as it is now.

    Args:
        controllers: the objects of its namespace that may have a say in it.
        via: the autoscaler of its that is to move the pods; None: their count is set.

    Raises:
        NotFound: no such Deployment.
        ContainerNotFound: the container is missing, or none can be singled out.
        TargetNotUnderstood: the Deployment or a pod says something that we cannot read.
        TargetUnavailable: the API server gave no answer.
    """
    deployment = checked_deployment(await api.get(deployment_path(namespace, reference.name)))
    selected = {"labelSelector": selector_text(deployment["spec"]["selector"])}
    pods = checked_pods(await api.get(resource_path("v1", "pods", namespace=namespace), selected))
    ready = {
        (namespace, pod["metadata"]["name"]): since
        for pod in pods
        if (since := ready_since(pod)) is not None and "deletionTimestamp" not in pod["metadata"]
    }
    container = app_container(deployment["spec"]["template"]["spec"]["containers"], reference.container_name)
    ours = own_variables(deployment["metadata"].get("managedFields") or (), container)
    workload = workload_of(deployment, reference, len(ready), owners_by_objects(controllers, reference))
    if via is not None:
        workload = through_autoscaler(workload, via, controllers, reference)
    return Target(
        workload=replace(
            workload,
            unschedulable=unschedulable(pods),
            out_of_memory_time=out_of_memory_time(pods, workload.container),
            ending_pods=ending_pods(pods, workload.desired_replicas),
            cpu_limit_cores=_limit_in_force(workload, pods),
        ),
        own_variables=frozenset(ours),
        rolled_out=settings_in(ours),
        ready_since=ready,
        agents=agents_of(pods),
        injectable=_is_injectable(deployment["spec"]["template"]),
    )


def _is_injectable(template: Json) -> bool:
    annotations = template.get("metadata", {}).get("annotations") or {}
    return annotations.get(INJECT_ANNOTATION) != "false"


def workload_of(deployment: Json, reference: TargetReference, ready: int, owners: tuple[ForeignOwner, ...]) -> Workload:
    """A Deployment that was checked, as the core sees it.

    Raises:
        ContainerNotFound: the container is missing, or none can be singled out.
        TargetNotUnderstood: its CPU limit is no quantity.
    """
    spec, status, metadata = deployment["spec"], deployment.get("status", {}), deployment["metadata"]
    container = app_container(spec["template"]["spec"]["containers"], reference.container_name)
    managed_fields = metadata.get("managedFields", ())
    rollout_in_progress = status.get("observedGeneration", 0) < metadata.get("generation", 0) or status.get(
        "replicas", 0
    ) > status.get("updatedReplicas", 0)
    return Workload(
        uid=metadata["uid"],
        template_hash=template_hash(spec["template"]),
        container=container["name"],
        desired_replicas=spec.get("replicas", 1),
        ready_replicas=ready,
        scale_resource_version=metadata["resourceVersion"],
        rollout_in_progress=rollout_in_progress,
        launch=launch_form(container, foreign_variables(managed_fields, container["name"])),
        cpu_limit_cores=_cores(container.get("resources", {}).get("limits", {}).get("cpu")),
        memory_limit_bytes=quantity_of(container, "limits", "memory"),
        resources=reservations_of(container, managed_fields),
        update=rolling_update_of(spec),
        foreign_owners=(
            *owners,
            *owners_by_fields(managed_fields, container["name"], rollout_in_progress=rollout_in_progress),
        ),
        replicas_set_by=replicas_set_by(managed_fields, spec.get("replicas", 1)),
    )


def app_container(containers: list[Json], name: str | None) -> Json:
    """The container that runs the app: the named one, the only one, or the only one with an HTTP port.

    Raises:
        ContainerNotFound: none or several fit; the message lists what there is.
    """
    names = ", ".join(container["name"] for container in containers)
    if name is not None:
        fitting = [container for container in containers if container["name"] == name]
        problem = f"no container {name!r}; there are: {names}"
    else:
        fitting = containers if len(containers) == 1 else [entry for entry in containers if _serves_http(entry)]
        problem = f"set spec.targetRef.containerName to one of: {names}"
    if len(fitting) != 1:
        raise ContainerNotFound(problem)
    return fitting[0]


def _serves_http(container: Json) -> bool:
    return any(port.get("name") in HTTP_PORT_NAMES for port in container.get("ports", []))


def template_hash(template: Json) -> str:
    """Names the pod template without the variables that we set: our own rollout must not void what was learned."""
    spec = {**template["spec"], "containers": [_without_ours(entry) for entry in template["spec"]["containers"]]}
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:12]


def _without_ours(container: Json) -> Json:
    kept = [entry for entry in container.get("env", []) if entry["name"] not in OUR_VARIABLES]
    return {**container, "env": kept}


def _limit_in_force(workload: Workload, pods: list[Json]) -> float | None:
    """Cores that each pod may use: a VerticalPodAutoscaler changes pods and not their template. The least counts.

    Raises:
        TargetNotUnderstood: a pod's limit is no quantity.
    """
    if all(owner.reason is not Reason.VERTICAL_AUTOSCALER for owner in workload.foreign_owners):
        return workload.cpu_limit_cores
    limits = [_cores(limit) for pod in pods if (limit := _cpu_limit(pod, workload.container)) is not None]
    return min((limit for limit in limits if limit is not None), default=workload.cpu_limit_cores)


def _cpu_limit(pod: Json, name: str) -> str | None:
    containers = (pod.get("spec") or {}).get("containers") or ()
    resources = next((each.get("resources") or {} for each in containers if each.get("name") == name), {})
    return (resources.get("limits") or {}).get("cpu")


def _cores(quantity: str | None) -> float | None:
    """A CPU quantity ("500m", "2", "1k") in cores; 0 limits nothing in Kubernetes either.

    Raises:
        TargetNotUnderstood: it is no quantity.
    """
    if quantity is None:
        return None
    try:
        cores = float(parse_quantity(quantity))  # type: ignore[no-untyped-call]  # the client ships it without types
    except (ValueError, ArithmeticError) as error:
        raise TargetNotUnderstood(f"limits.cpu {quantity!r} is no quantity") from error
    if not 0 <= cores < math.inf:
        raise TargetNotUnderstood(f"limits.cpu {quantity!r} limits nothing that exists")
    return cores or None
