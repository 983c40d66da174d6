"""Reads what a load test has to know of a service: where it answers, which image has a generator, what it may break."""

from dataclasses import dataclass

from fastapi_tuning.api.agent import INIT_CONTAINER
from fastapi_tuning.api.spec import TargetReference
from fastapi_tuning.api_server import ApiServer, Json, resource_path
from fastapi_tuning.errors import LoadTestFailed, NotFound, TargetUnavailable
from fastapi_tuning.observe.label_selector import selector_text
from fastapi_tuning.observe.manifest import checked_deployment
from fastapi_tuning.observe.workloads import HTTP_PORT_NAMES, Target, deployment_path

Labels = dict[str, str]
_HTTPS = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """The pods of a Deployment, as a load test looks at them."""

    labels: Labels
    """Of the template."""
    deployment_labels: Labels
    agent_image: str | None
    """Of the init container that the webhook put into them: the operator's own image, which holds the generator."""


async def read_pods(api: ApiServer, namespace: str, reference: TargetReference) -> Pods:
    """The pods as they are now.

    Raises:
        NotFound, TargetNotUnderstood, TargetUnavailable: as of the Deployment.
    """
    deployment = checked_deployment(await api.get(deployment_path(namespace, reference.name)))
    spec = deployment["spec"]
    pods = await api.get(
        resource_path("v1", "pods", namespace=namespace), {"labelSelector": selector_text(spec["selector"])}
    )
    images = (
        container["image"]
        for pod in pods["items"]
        for container in (pod.get("spec") or {}).get("initContainers") or ()
        if container["name"] == INIT_CONTAINER and container.get("image")
    )
    return Pods(
        labels=(spec["template"].get("metadata") or {}).get("labels") or {},
        deployment_labels=deployment["metadata"].get("labels") or {},
        agent_image=next(images, None),
    )


async def read_namespace_labels(api: ApiServer, namespace: str) -> Labels | None:
    """Labels of a namespace; None: they may not be read."""
    try:
        found = await api.get(resource_path("v1", "namespaces", name=namespace))
    except (NotFound, TargetUnavailable):
        return None
    return found["metadata"].get("labels") or {}


async def read_address(api: ApiServer, namespace: str, labels: Labels) -> str:
    """Base URL of the one Service that leads to pods with these labels.

    Raises:
        LoadTestFailed: there is none, or several.
        TargetUnavailable: the list could not be read.
    """
    services = (await api.get(resource_path("v1", "services", namespace=namespace)))["items"]
    leading = [each for each in services if _leads_to(each, labels)]
    if len(leading) != 1:
        names = ", ".join(each["metadata"]["name"] for each in leading)
        problem = f"several Services lead to the pods ({names})" if leading else "no Service leads to the pods"
        raise LoadTestFailed(f"{problem}: name the address, for example --url http://checkout.{namespace}.svc:80")
    (service,) = leading
    port = _http_port(service["spec"]["ports"])
    scheme = "https" if port == _HTTPS else "http"
    return f"{scheme}://{service['metadata']['name']}.{namespace}.svc:{port}"


def _leads_to(service: Json, labels: Labels) -> bool:
    spec = service["spec"]
    wanted = spec.get("selector") or {}
    # A name without an address of its own leads each client to a pod of the name service's choice.
    return (
        bool(wanted)
        and wanted.items() <= labels.items()
        and bool(spec.get("ports"))
        and spec.get("clusterIP") != "None"
    )


def _http_port(ports: list[Json]) -> int:
    named = (port for port in ports if port.get("name") in HTTP_PORT_NAMES)
    return int(next(named, ports[0])["port"])


def moved(before: Target, after: Target) -> bool:
    """Whether pods came, went or were replaced, or were given other settings. One that is not ready now has not moved:
    that is what a load may do to it."""
    return _what_runs(before) != _what_runs(after)


def _what_runs(target: Target) -> tuple[str, frozenset[tuple[str, str | None]]]:
    carrying = ((pod.name, pod.settings) for pod in target.agents.carrying)
    bare = ((name, None) for name in target.agents.bare)
    return target.workload.template_hash, frozenset((*carrying, *bare))
