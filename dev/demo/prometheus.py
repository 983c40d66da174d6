"""The demonstration's own Prometheus: installing it and asking it."""

import json
import math
import os
from pathlib import Path
from urllib.parse import quote

from dev.demo.kubectl import Kubectl
from dev.demo.ownership import PROMETHEUS_NAMESPACE, ensure_namespace

MANIFEST = Path(__file__).with_name("prometheus.yaml")
URL = f"http://prometheus.{PROMETHEUS_NAMESPACE}:9090"


def install_prometheus(kubectl: Kubectl, registry: str) -> None:
    """Idempotent; the image is REGISTRY/prometheus:dev or what PROMETHEUS_IMAGE names."""
    image = os.environ.get("PROMETHEUS_IMAGE") or f"{registry}/prometheus:dev"
    ensure_namespace(kubectl, PROMETHEUS_NAMESPACE)
    kubectl.apply(MANIFEST.read_text().replace("${PROMETHEUS_IMAGE}", image))
    kubectl.await_rollout(PROMETHEUS_NAMESPACE, "prometheus")


def instant_value(kubectl: Kubectl, promql: str) -> float | None:
    """First value of an instant query; None without one, or where it is no number."""
    return next(iter(instant_values(kubectl, promql)), None)


def instant_values(kubectl: Kubectl, promql: str) -> list[float]:
    """All values of an instant query that are numbers, by way of the API server's service proxy."""
    path = f"/api/v1/namespaces/{PROMETHEUS_NAMESPACE}/services/prometheus:9090/proxy/api/v1/query"
    answer = json.loads(kubectl.run("get", "--raw", f"{path}?query={quote(promql)}"))
    values = [float(row["value"][1]) for row in answer["data"]["result"]]
    return [value for value in values if not math.isnan(value)]
