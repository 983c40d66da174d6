"""What other objects of the namespace have to do with a workload. Pure: lists of the API server in, facts out."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from fastapi_tuning.api_server import Json
from fastapi_tuning.audit.facts import Autoscaler, ContainerEnd, DisruptionBudget, Pod, Proxy
from fastapi_tuning.observe.agents import ready_since
from fastapi_tuning.observe.label_selector import selects

Labels = Mapping[str, str]
_KEDAS_MOST_REPLICAS = 100


def pods_of(pods: Iterable[Json], container: str) -> tuple[Pod, ...]:
    """Those that are not ending."""
    return tuple(_pod(pod, container) for pod in pods if "deletionTimestamp" not in pod["metadata"])


def _pod(pod: Json, container: str) -> Pod:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    status: Json = next((each for each in statuses if each["name"] == container), {})
    return Pod(
        name=pod["metadata"]["name"],
        node=(pod.get("spec") or {}).get("nodeName") or "",
        ready=ready_since(pod) is not None,
        restarts=status.get("restartCount") or 0,
        last_end=_last_end(status),
    )


def _last_end(status: Json) -> ContainerEnd | None:
    ended = (status.get("lastState") or {}).get("terminated")
    if not ended:
        return None
    time = ended.get("finishedAt")
    return ContainerEnd(
        reason=ended.get("reason") or "Error",
        exit_code=ended.get("exitCode") or 0,
        time=None if time is None else datetime.fromisoformat(time),
    )


def budgets_of(budgets: Iterable[Json], labels: Labels) -> tuple[DisruptionBudget, ...]:
    """PodDisruptionBudgets that select pods with these labels; one without a selector selects none."""
    return tuple(
        _budget(budget)
        for budget in budgets
        if budget["spec"].get("selector") is not None and selects(budget["spec"]["selector"], labels)
    )


def _budget(budget: Json) -> DisruptionBudget:
    spec, status = budget["spec"], budget.get("status") or {}
    field = "minAvailable" if spec.get("minAvailable") is not None else "maxUnavailable"
    return DisruptionBudget(
        name=budget["metadata"]["name"],
        rule=f"{field}: {spec.get(field)}",
        disruptions_allowed=status.get("disruptionsAllowed") or 0,
        healthy_pods=status.get("currentHealthy") or 0,
        expected_pods=status.get("expectedPods") or 0,
    )


def horizontal_autoscalers_of(autoscalers: Iterable[Json], deployment: str) -> tuple[Autoscaler, ...]:
    """HorizontalPodAutoscalers on the Deployment; KEDA's own are told as the ScaledObject that they belong to."""
    return tuple(
        Autoscaler(
            kind="HorizontalPodAutoscaler",
            name=each["metadata"]["name"],
            max_replicas=each["spec"].get("maxReplicas"),
        )
        for each in autoscalers
        if _is(each["spec"]["scaleTargetRef"], deployment) and not _belongs_to_keda(each)
    )


def scaled_objects_of(scaled: Iterable[Json], deployment: str) -> tuple[Autoscaler, ...]:
    """KEDA's ScaledObjects on the Deployment."""
    return tuple(
        Autoscaler(
            kind="ScaledObject",
            name=each["metadata"]["name"],
            max_replicas=each["spec"].get("maxReplicaCount") or _KEDAS_MOST_REPLICAS,
        )
        for each in scaled
        if _is(each["spec"]["scaleTargetRef"], deployment)
    )


def _is(reference: Json, deployment: str) -> bool:
    return (reference.get("kind") or "Deployment", reference.get("name")) == ("Deployment", deployment)


def _belongs_to_keda(autoscaler: Json) -> bool:
    return any(owner.get("kind") == "ScaledObject" for owner in autoscaler["metadata"].get("ownerReferences") or ())


def proxies_of(services: Iterable[Json], ingresses: Iterable[Json], labels: Labels) -> tuple[Proxy, ...]:
    """Ingresses that lead to pods with these labels."""
    leading = {service["metadata"]["name"] for service in services if _leads_to(service, labels)}
    return tuple(
        Proxy(
            ingress=ingress["metadata"]["name"],
            service=service,
            ingress_class=(ingress["spec"].get("ingressClassName") or ""),
        )
        for ingress in ingresses
        for service in sorted(_backends(ingress) & leading)
    )


def _leads_to(service: Json, labels: Labels) -> bool:
    wanted = service["spec"].get("selector") or {}
    return bool(wanted) and wanted.items() <= labels.items()


def _backends(ingress: Json) -> set[str]:
    spec = ingress["spec"]
    paths = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
    backends = [spec.get("defaultBackend") or {}, *(path.get("backend") or {} for path in paths)]
    return {backend["service"]["name"] for backend in backends if backend.get("service")}
