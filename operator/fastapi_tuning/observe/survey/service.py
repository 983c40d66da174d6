"""Reads one service for an audit: what the API server shows of it and around it, and what Prometheus knows of it.

The Deployment must be readable. Everything else may be refused: then it is an `Unread` in its place.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.api.spec import Metrics, Objectives, TargetReference
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import ApiServer, Json, resource_path
from fastapi_tuning.audit.facts import Autoscaler, Facts, Pod, Proxy, Unread
from fastapi_tuning.errors import NotFound, TargetUnavailable
from fastapi_tuning.observe.command_line import environment_of
from fastapi_tuning.observe.label_selector import selector_text
from fastapi_tuning.observe.launch import THREAD_POOL_VARIABLE
from fastapi_tuning.observe.manifest import checked_deployment
from fastapi_tuning.observe.ownership import foreign_variables
from fastapi_tuning.observe.prometheus import PrometheusReader
from fastapi_tuning.observe.survey.metrics import NOT_ASKED, MetricsSubject, nothing_seen, read_seen
from fastapi_tuning.observe.survey.neighbours import (
    budgets_of,
    horizontal_autoscalers_of,
    pods_of,
    proxies_of,
    scaled_objects_of,
)
from fastapi_tuning.observe.survey.pod_template import (
    database_of,
    port_of,
    probes_of,
    resources_of,
    rollout_of,
    shutdown_of,
)
from fastapi_tuning.observe.survey.server import server_of
from fastapi_tuning.observe.workloads import app_container, deployment_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose service is audited. `tuning`: None if it is audited without one."""

    namespace: str
    target: TargetReference
    tuning: FastAPITuning | None
    database_connections: int | None


async def read_facts(api: ApiServer, prometheus: PrometheusReader | None, subject: Subject, now: datetime) -> Facts:
    """The service as it is now.

    Raises:
        NotFound: no such Deployment.
        ContainerNotFound: the container is missing, or none can be singled out.
        TargetNotUnderstood: the Deployment says something that we cannot read.
        TargetUnavailable: the API server gave no answer, or no right to read the Deployment.
    """
    deployment = checked_deployment(await api.get(deployment_path(subject.namespace, subject.target.name)))
    spec = deployment["spec"]
    template = spec["template"]
    container = app_container(template["spec"]["containers"], subject.target.container_name)
    labels = (template.get("metadata") or {}).get("labels") or {}
    lists = _Lists(api=api, namespace=subject.namespace)
    pods, budgets, autoscalers, scaled, services, ingresses = await asyncio.gather(
        lists.read("v1", "pods", {"labelSelector": selector_text(spec["selector"])}),
        lists.read("policy/v1", "poddisruptionbudgets"),
        lists.read("autoscaling/v2", "horizontalpodautoscalers"),
        lists.read("keda.sh/v1alpha1", "scaledobjects"),
        lists.read("v1", "services"),
        lists.read("networking.k8s.io/v1", "ingresses"),
    )
    found_pods = pods if isinstance(pods, Unread) else pods_of(pods, container["name"])
    probes, environment = probes_of(container), environment_of(container)
    path = None if probes.liveness is None else probes.liveness.path
    seen, in_force = nothing_seen(NOT_ASKED, path), None
    if prometheus is not None:
        asked = _metrics_subject(subject, container["name"], path, found_pods)
        seen, in_force = await asyncio.to_thread(read_seen, prometheus, asked, now)
    owners = foreign_variables(deployment["metadata"].get("managedFields") or (), container["name"])
    replicas = spec.get("replicas", 1)
    name = subject.target.name
    return Facts(
        time=now,
        namespace=subject.namespace,
        deployment=name,
        container=container["name"],
        selector=spec["selector"].get("matchLabels") or labels,
        port=port_of(container),
        replicas=replicas,
        server=server_of(container, owners, in_force),
        thread_pool_variable=environment.values.get(THREAD_POOL_VARIABLE),
        probes=probes,
        resources=resources_of(container),
        shutdown=shutdown_of(template["spec"], container),
        rollout=rollout_of(spec, replicas),
        pods=found_pods,
        disruption_budgets=budgets if isinstance(budgets, Unread) else budgets_of(budgets, labels),
        autoscalers=_autoscalers(autoscalers, scaled, name),
        proxies=_proxies(services, ingresses, labels),
        database=database_of(environment, subject.database_connections),
        seen=seen,
        tuning=subject.tuning,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lists:
    """Lists of one namespace, of which any may be refused."""

    api: ApiServer
    namespace: str

    async def read(self, group_version: str, resource: str, query: dict[str, str] | None = None) -> list[Json] | Unread:
        """The items; none where the cluster does not know the kind."""
        path = resource_path(group_version, resource, namespace=self.namespace)
        try:
            return list((await self.api.get(path, query))["items"])
        except NotFound:
            return []
        except TargetUnavailable as error:
            group = group_version.rpartition("/")[0]
            return Unread(
                id=f"unread-{resource}",
                what=f"{resource} of the namespace",
                why=str(error),
                fix=(
                    f"# by an administrator, who binds the role then (docs/audit.md)\n"
                    f"kubectl -n {self.namespace} create role audit-{resource} --verb=list "
                    f"--resource={resource}{f'.{group}' if group else ''}"
                ),
            )


def _autoscalers(
    horizontal: list[Json] | Unread, scaled: list[Json] | Unread, deployment: str
) -> tuple[Autoscaler, ...] | Unread:
    """One that is found is enough; none is found only where both lists could be read."""
    found = (
        *(() if isinstance(horizontal, Unread) else horizontal_autoscalers_of(horizontal, deployment)),
        *(() if isinstance(scaled, Unread) else scaled_objects_of(scaled, deployment)),
    )
    if found:
        return found
    return next((each for each in (horizontal, scaled) if isinstance(each, Unread)), ())


def _proxies(
    services: list[Json] | Unread, ingresses: list[Json] | Unread, labels: dict[str, str]
) -> tuple[Proxy, ...] | Unread:
    if isinstance(services, Unread):
        return services
    return ingresses if isinstance(ingresses, Unread) else proxies_of(services, ingresses, labels)


def _metrics_subject(
    subject: Subject, container: str, liveness_path: str | None, pods: Iterable[Pod] | Unread
) -> MetricsSubject:
    spec = None if subject.tuning is None else subject.tuning.spec
    objectives = Objectives() if spec is None else spec.objectives
    ready = pods if isinstance(pods, Unread) else frozenset((subject.namespace, pod.name) for pod in pods if pod.ready)
    return MetricsSubject(
        namespace=subject.namespace,
        deployment=subject.target.name,
        container=container,
        liveness_path=liveness_path,
        pods=ready,
        metrics=Metrics() if spec is None else spec.metrics,
        threshold_seconds=objectives.latency.threshold_seconds,
    )
