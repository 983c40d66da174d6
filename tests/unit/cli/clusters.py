"""A namespace `shop` for the verbs that read a cluster: a tuned service with faults that an audit finds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes.cluster import Cluster, cluster

NAMESPACE = "namespaces/shop"
DEPLOYMENT = f"/apis/apps/v1/{NAMESPACE}/deployments/checkout"
TUNING = f"/apis/fastapituning.io/v1alpha1/{NAMESPACE}/fastapitunings/checkout"


def pod(name: str) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return {
        "metadata": {"name": name, "labels": {"app": "checkout"}},
        "spec": {"nodeName": name},
        "status": {"conditions": [ready], "containerStatuses": [{"name": "app", "restartCount": 0}]},
    }


def tuning(**status: Any) -> dict[str, Any]:
    metadata = {
        "name": "checkout",
        "namespace": "shop",
        "uid": "t",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": metadata, "spec": {"targetRef": {"name": "checkout"}, "mode": "Auto"}, "status": status}


def objects() -> dict[str, Any]:
    """Four workers, an autoscaler, an Ingress, and no PodDisruptionBudget; KEDA is not installed."""
    container = {"name": "app", "command": ["uvicorn", "app:app", "--workers", "4"]}
    template = {"metadata": {"labels": {"app": "checkout"}}, "spec": {"containers": [container]}}
    reference = {"kind": "Deployment", "name": "checkout"}
    paths = [{"backend": {"service": {"name": "web"}}}]
    lists = {
        "/api/v1/{}/pods": [pod("checkout-0"), pod("checkout-1")],
        "/api/v1/{}/services": [{"metadata": {"name": "web"}, "spec": {"selector": {"app": "checkout"}}}],
        "/apis/policy/v1/{}/poddisruptionbudgets": [],
        "/apis/autoscaling/v2/{}/horizontalpodautoscalers": [
            {"metadata": {"name": "checkout"}, "spec": {"maxReplicas": 9, "scaleTargetRef": reference}}
        ],
        "/apis/networking.k8s.io/v1/{}/ingresses": [
            {"metadata": {"name": "public"}, "spec": {"rules": [{"http": {"paths": paths}}]}}
        ],
    }
    return {
        DEPLOYMENT: {
            "metadata": {"name": "checkout", "uid": "d", "resourceVersion": "1", "generation": 1},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "checkout"}}, "template": template},
        },
        TUNING: tuning(),
        **{path.format(NAMESPACE): {"items": items} for path, items in lists.items()},
    }


@contextmanager
def reached(
    monkeypatch: pytest.MonkeyPatch, folder: Path, known: dict[str, Any], *, forbidden: tuple[str, ...] = ()
) -> Iterator[Cluster]:
    """The cluster that the client finds by its kubeconfig, whose place it reads from the environment only once."""
    with cluster(Cluster(objects=known, forbidden=forbidden)) as served:
        point_to(monkeypatch, served.kubeconfig(folder))
        yield served


def point_to(monkeypatch: pytest.MonkeyPatch, kubeconfig: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
