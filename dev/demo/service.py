"""A service in a namespace of its own, its FastAPITuning and its load, as tests and benchmarks handle them."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

from dev.demo.kubectl import Kubectl
from dev.demo.load_job import LoadJob, start
from dev.demo.ownership import TUNINGS, ensure_namespace
from dev.demo.prometheus import instant_value
from dev.demo.sample_service import NAME, sample_manifest

Json = dict[str, Any]
REQUEST_MILLISECONDS = 1000
"""A request holds a thread this long: one pod of 40 threads answers 40 a second, at next to no CPU."""
SLOW_PATH = f"/sync-slow?milliseconds={REQUEST_MILLISECONDS}"
PLAIN_SLOW_PATH = f"/threads?milliseconds={REQUEST_MILLISECONDS}"
"""The same in the app that nobody prepared."""
PLAIN_COMMAND = ("/venv/bin/uvicorn", "sample_app.plain:app", "--host=0.0.0.0", "--port=8000")
NO_ANNOTATIONS: Mapping[str, str] = {}
OBJECTIVE_MILLISECONDS = 2000
"""A bucket edge of the service's histogram and of the load generator's."""
QUICKLY_DOWN = {"stabilizationSeconds": 0, "periodSeconds": 5, "maxPods": 10}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The sample app in a namespace of its own."""

    kubectl: Kubectl
    namespace: str
    registry: str

    def deploy(self, *, replicas: int, **container: Any) -> None:
        """The sample's Deployment and Service; `container` are fields of the app's container."""
        self._roll_out(self._manifest("deployment"), replicas, container)

    def deploy_plain(self, *, replicas: int, annotations: Mapping[str, str] = NO_ANNOTATIONS, **container: Any) -> None:
        """A Deployment of the app that nobody prepared: it has no metrics, and nothing in it knows of tuning.

        `annotations` are those of its pods, `container` fields of the app's container.
        """
        deployment = self._manifest("deployment")
        deployment["spec"]["template"]["metadata"]["annotations"] = dict(annotations)
        self._roll_out(deployment, replicas, {"command": [*PLAIN_COMMAND], **container})

    def _roll_out(self, deployment: Json, replicas: int, container: Json) -> None:
        deployment["spec"]["replicas"] = replicas
        deployment["spec"]["template"]["spec"]["containers"][0].update(container)
        self._apply(deployment)
        self._apply(self._manifest("service"))
        self.kubectl.await_rollout(self.namespace, NAME)

    def tune(self, **spec: Any) -> None:
        """A FastAPITuning in mode Auto that decides every five seconds; fields of the spec may be replaced."""
        tuning = self._manifest("tuning")
        tuning["spec"]["objectives"]["latency"]["thresholdMilliseconds"] = OBJECTIVE_MILLISECONDS
        tuning["spec"].update(spec)
        self._apply(tuning)

    def offer(self, profile: str, path: str = SLOW_PATH) -> None:
        """Open-loop load in the form that fastapi_tuning.load reads, for example 60s@60."""
        job = LoadJob(path=path, profile=profile, objective_milliseconds=OBJECTIVE_MILLISECONDS)
        start(self.kubectl, self.namespace, job, registry=self.registry)

    def scale(self, replicas: int) -> None:
        """To that many pods, and wait until they are ready."""
        self.kubectl.run("scale", "--namespace", self.namespace, f"deployment/{NAME}", f"--replicas={replicas}")
        self.kubectl.await_rollout(self.namespace, NAME)

    def deployment(self) -> Json:
        return self.kubectl.get("--namespace", self.namespace, "--show-managed-fields", "deployment", NAME)

    def replicas(self) -> int:
        return int(self.deployment()["spec"]["replicas"])

    def environment(self) -> dict[str, str]:
        """Literal variables of the app's container in the pod template."""
        (container,) = self.deployment()["spec"]["template"]["spec"]["containers"]
        return {entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}

    def tuning(self) -> Json:
        return self.kubectl.get("--namespace", self.namespace, TUNINGS, NAME)

    def status(self) -> Json:
        found: Json = self.tuning().get("status", {})
        return found

    def condition(self, kind: str) -> tuple[str, str]:
        """(status, reason); empty before the first cycle."""
        found = {entry["type"]: (entry["status"], entry["reason"]) for entry in self.status().get("conditions", [])}
        return found.get(kind, ("", ""))

    def pods(self) -> list[Json]:
        found: list[Json] = self.kubectl.get("--namespace", self.namespace, "pods", f"--selector=app={NAME}")["items"]
        return found

    def pod_uids(self) -> set[str]:
        return {pod["metadata"]["uid"] for pod in self.pods()}

    def threads(self) -> float | None:
        """Size of the largest thread pool, as the agents in the pods tell Prometheus."""
        return instant_value(self.kubectl, f'max(fastapi_tuning_thread_pool_limit{{namespace="{self.namespace}"}})')

    def restarts(self) -> int:
        """Of containers, by the kubelet."""
        statuses = (pod["status"].get("containerStatuses", ()) for pod in self.pods())  # none before it is scheduled
        return sum(status["restartCount"] for each in statuses for status in each)

    def reasons(self) -> set[str]:
        """Of the events about the FastAPITuning."""
        field = "--field-selector=involvedObject.kind=FastAPITuning"
        return {event["reason"] for event in self.kubectl.get("--namespace", self.namespace, "events", field)["items"]}

    def fast_ratio(self) -> float | None:
        """Share of answers within the objective in the last 15 s, as the clients saw it from the scheduled send."""
        series = f'namespace="{self.namespace}"'
        done = f"sum(rate(loadgen_requests_total{{{series}}}[15s]))"
        edge = f'le="{OBJECTIVE_MILLISECONDS / 1000}"'
        return instant_value(
            self.kubectl, f"sum(rate(loadgen_request_duration_seconds_bucket{{{series},{edge}}}[15s])) / ({done} > 0)"
        )

    def failed_ratio(self) -> float | None:
        """Share of the requests that were finished so far without an answer, or with an error."""
        done = f'loadgen_requests_total{{namespace="{self.namespace}"'
        return instant_value(self.kubectl, f'sum({done},outcome!="ok"}}) / (sum({done}}}) > 0)')

    def delete(self, *what: str) -> None:
        self.kubectl.run("delete", "--namespace", self.namespace, *what)

    def _manifest(self, name: str) -> Json:
        return sample_manifest(name, namespace=self.namespace, registry=self.registry)

    def _apply(self, manifest: Json) -> None:
        self.kubectl.apply(yaml.safe_dump(manifest))


@contextmanager
def temporary_service(kubectl: Kubectl, registry: str) -> Iterator[Service]:
    """One in a namespace that is made now, and goes with all that is in it."""
    namespace = f"fastapi-tuning-e2e-{uuid.uuid4().hex[:8]}"
    ensure_namespace(kubectl, namespace)
    try:
        yield Service(kubectl=kubectl, namespace=namespace, registry=registry)
    finally:
        kubectl.run("delete", "namespace", namespace, "--wait=false")
