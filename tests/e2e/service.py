"""A service of its own namespace on the cluster, its FastAPITuning and its load, as a test handles them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.ownership import TUNINGS
from dev.demo.prometheus import instant_value
from dev.demo.sample_service import NAME, sample_manifest

Json = dict[str, Any]
REQUEST_MILLISECONDS = 1000
"""A request holds a thread this long: one pod of 40 threads answers 40 a second, at next to no CPU."""
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
        deployment = self._manifest("deployment")
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

    def offer(self, profile: str) -> None:
        """Open-loop load in the form that sample_app.load reads, for example 60s@60."""
        job = self._manifest("load")
        arguments = [
            f"--url=http://{NAME}.{self.namespace}.svc",
            f"--path=/sync-slow?milliseconds={REQUEST_MILLISECONDS}",
            f"--objective-milliseconds={OBJECTIVE_MILLISECONDS}",
            f"--profile={profile}",
            "--timeout=10",
        ]
        job["spec"]["template"]["spec"]["containers"][0]["args"] = arguments
        self._apply(job)

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

    def restarts(self) -> int:
        """Of containers, by the kubelet."""
        return sum(status["restartCount"] for pod in self.pods() for status in pod["status"]["containerStatuses"])

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

    def delete(self, *what: str) -> None:
        self.kubectl.run("delete", "--namespace", self.namespace, *what)

    def _manifest(self, name: str) -> Json:
        return sample_manifest(name, namespace=self.namespace, registry=self.registry)

    def _apply(self, manifest: Json) -> None:
        self.kubectl.apply(yaml.safe_dump(manifest))


def eventually(check: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Poll until true; a call that fails is asked again. The description is the failure message."""
    deadline = time.monotonic() + seconds
    while not _answers(check):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(1.0)


def throughout(seconds: float, check: Callable[[], bool], what: str) -> None:
    """Poll for as long as a wrong operator would take to act several times; it must be true each time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert check(), what
        time.sleep(1.0)


def _answers(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except KubectlFailed:
        return False
