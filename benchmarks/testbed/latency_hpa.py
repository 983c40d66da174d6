"""An HPA on latency for a cluster that has no metrics API to give one.

`autoscaling/v2` reads a latency from `external.metrics.k8s.io` (or `custom.metrics.k8s.io`), which an adapter has to
serve and the development cluster lacks. So the algorithm of the controller, as the simulator has it, runs here: every
15 s it reads the p99 from the same Prometheus, and scales through the same subresource `/scale`. What it leaves out is
what a latency metric has no use for: CPU samples and their initialisation.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from dev.demo.prometheus import instant_value
from dev.demo.sample_service import NAME
from dev.demo.service import Service
from fastapi_tuning.simulate.autoscalers.hpa import HorizontalPodAutoscaler, ReplicaBounds
from fastapi_tuning.simulate.autoscalers.hpa_metrics import LatencyP99
from fastapi_tuning.simulate.scaler import ClusterView, PodView

Json = dict[str, Any]
_RATE_SECONDS = 60


@contextmanager
def scaled_by_latency(service: Service, *, target_seconds: float, bounds: ReplicaBounds) -> Iterator[None]:
    """Scale the service meanwhile, with the HPA's default behaviour.

    Raises:
        KubectlFailed: at the end, if the cluster did not do what was asked meanwhile.
    """
    autoscaler = HorizontalPodAutoscaler(LatencyP99(target_seconds=target_seconds), bounds)
    ended, failures = threading.Event(), list[Exception]()

    def sync_until_told_to_stop() -> None:
        try:
            while not ended.is_set():
                sync(service, autoscaler)
                ended.wait(autoscaler.period_seconds)
        except Exception as failure:  # noqa: BLE001 - raised where it is waited for
            failures.append(failure)

    thread = threading.Thread(target=sync_until_told_to_stop, name="hpa")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failures:
        raise failures[0]


def sync(service: Service, autoscaler: HorizontalPodAutoscaler) -> None:
    """One look, and what follows from it."""
    p99 = (
        f"histogram_quantile(0.99, sum by (le) (rate(loadgen_request_duration_seconds_bucket"
        f'{{namespace="{service.namespace}"}}[{_RATE_SECONDS}s])))'
    )
    command = autoscaler(
        view_of(
            now_seconds=time.time(),
            desired_replicas=service.replicas(),
            pods=service.pods(),
            latency_p99_seconds=instant_value(service.kubectl, p99),
        )
    )
    if command.replicas is not None:
        arguments = ("--namespace", service.namespace, f"deployment/{NAME}", f"--replicas={command.replicas}")
        service.kubectl.run("scale", *arguments)


def view_of(
    *, now_seconds: float, desired_replicas: int, pods: Sequence[Json], latency_p99_seconds: float | None
) -> ClusterView:
    """What the controller sees; pods as the API server gives them, those that are going left out. Pure."""
    return ClusterView(
        now_seconds=now_seconds,
        desired_replicas=desired_replicas,
        pods=tuple(_pod_view(pod) for pod in pods if "deletionTimestamp" not in pod["metadata"]),
        requests_per_second=None,
        latency_p99_seconds=latency_p99_seconds,
    )


def _pod_view(pod: Json) -> PodView:
    ready = next((each for each in pod["status"].get("conditions", ()) if each["type"] == "Ready"), None)
    is_ready = ready is not None and ready["status"] == "True"
    return PodView(
        name=pod["metadata"]["name"],
        ready=is_ready,
        started_seconds=_unix(pod["metadata"]["creationTimestamp"]),
        ready_since_seconds=_unix(ready["lastTransitionTime"]) if ready is not None and is_ready else None,
        cpu_cores=None,
        cpu_request_cores=0.0,
        requests_per_second=None,
        concurrency=None,
    )


def _unix(time_text: str) -> float:
    return datetime.fromisoformat(time_text).timestamp()
