"""The operator behind two paths that can be broken, and a service that needs several pods under its load."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from dev.chaos.path import FaultyPath
from dev.cluster.layout import Layout
from dev.demo.kubectl import Kubectl
from dev.demo.load_job import LoadJob, start
from dev.demo.ownership import PROMETHEUS_NAMESPACE, RELEASE, RELEASE_NAMESPACE
from dev.demo.prometheus import install_prometheus, instant_value
from dev.demo.release import install_operator
from dev.demo.service import (
    OBJECTIVE_MILLISECONDS,
    PLAIN_SLOW_PATH,
    REQUEST_MILLISECONDS,
    Service,
    temporary_service,
)

INTERVAL_SECONDS = 15
THREADS = 40
"""What a pod begins with, so that nothing but pods has to move."""
RATE_PER_SECOND = 105
MOST_PODS = 8
ACCOUNT = f"system:serviceaccount:{RELEASE_NAMESPACE}:{RELEASE}"
"""The operator's, as the API server names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the clients got since the load began."""

    total: float
    failed: float
    fast: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What faults act on."""

    kubectl: Kubectl
    service: Service
    api_server: FaultyPath
    prometheus: FaultyPath
    layout: Layout

    def operators(self) -> list[str]:
        """Names of the operator's pods."""
        pods = self.kubectl.get("--namespace", RELEASE_NAMESPACE, "pods")["items"]
        return [pod["metadata"]["name"] for pod in pods]

    def leader(self) -> str:
        """Name of the pod that acts: the part before the underscore of the Lease's holder."""
        (lease,) = self.kubectl.get("--namespace", RELEASE_NAMESPACE, "leases")["items"]
        holder: str = lease["spec"]["holderIdentity"]
        return holder.split("_")[0]

    def kill(self, namespace: str, *pods: str) -> None:
        """Without a moment's notice."""
        self.kubectl.run("delete", "pods", "--namespace", namespace, "--grace-period=0", "--force", *pods)

    def surge(self, per_second: int, seconds: int) -> None:
        """So much more load for so long; at most once."""
        self._offer(f"{seconds}s@{per_second}", name="surge")

    def offer(self, seconds: int) -> None:
        """The load that all is shown under."""
        self._offer(f"{seconds}s@{RATE_PER_SECOND}", name="load")

    def _offer(self, profile: str, *, name: str) -> None:
        job = LoadJob(path=PLAIN_SLOW_PATH, profile=profile, objective_milliseconds=OBJECTIVE_MILLISECONDS, name=name)
        start(self.kubectl, self.service.namespace, job, registry=self.service.registry)

    def answers(self) -> Answers:
        """As the load generators told Prometheus at their last scrape."""
        namespace = f'namespace="{self.service.namespace}"'
        edge = f'le="{OBJECTIVE_MILLISECONDS / 1000}"'
        total = instant_value(self.kubectl, f"sum(loadgen_requests_total{{{namespace}}})")
        failed = instant_value(self.kubectl, f'sum(loadgen_requests_total{{{namespace},outcome!="ok"}})')
        fast = instant_value(self.kubectl, f"sum(loadgen_request_duration_seconds_bucket{{{namespace},{edge}}})")
        return Answers(total=total or 0.0, failed=failed or 0.0, fast=fast or 0.0)


def needed_pods(rate_per_second: float) -> int:
    """Below this many, requests wait without end."""
    return math.floor(rate_per_second * REQUEST_MILLISECONDS / 1000 / THREADS) + 1


@contextmanager
def stage(kubectl: Kubectl, layout: Layout, *, registry: str = "localhost") -> Iterator[Stage]:
    """Set up; afterwards the operator talks to the API server and to Prometheus directly again."""
    install_prometheus(kubectl, registry)
    with ExitStack() as stack:
        address = (layout.node_address, layout.api_port)
        api_server = stack.enter_context(FaultyPath(host=layout.node_address, target=address).open())
        prometheus = stack.enter_context(
            FaultyPath(host=layout.node_address, target=(_address_of_prometheus(kubectl), 9090)).open()
        )
        url = f"http://{layout.node_address}:{prometheus.port}"
        install_operator(kubectl, registry, watch_namespaces=(), prometheus_url=url)
        stack.enter_context(_reached_by(kubectl, api_server))
        service = stack.enter_context(temporary_service(kubectl, registry))
        service.tune(
            apply={"strategy": "Live"},
            intervalSeconds=INTERVAL_SECONDS,
            threadPool={"min": THREADS, "max": THREADS},
            replicas={"min": 1, "max": MOST_PODS, "scaleDown": {"stabilizationSeconds": 60, "periodSeconds": 15}},
        )
        service.deploy_plain(replicas=needed_pods(RATE_PER_SECOND) + 1)
        yield Stage(kubectl=kubectl, service=service, api_server=api_server, prometheus=prometheus, layout=layout)


@contextmanager
def _reached_by(kubectl: Kubectl, path: FaultyPath) -> Iterator[None]:
    """The operator finds the API server at the end of that path."""
    variables = {"KUBERNETES_SERVICE_HOST": path.host, "KUBERNETES_SERVICE_PORT": str(path.port)}
    _set_environment(kubectl, *(f"{name}={value}" for name, value in variables.items()))
    try:
        yield
    finally:
        _set_environment(kubectl, *(f"{name}-" for name in variables))


def _set_environment(kubectl: Kubectl, *entries: str) -> None:
    kubectl.run("set", "env", "--namespace", RELEASE_NAMESPACE, f"deployment/{RELEASE}", *entries)
    kubectl.await_rollout(RELEASE_NAMESPACE, RELEASE)


def _address_of_prometheus(kubectl: Kubectl) -> str:
    address: str = kubectl.get("--namespace", PROMETHEUS_NAMESPACE, "service/prometheus")["spec"]["clusterIP"]
    return address
