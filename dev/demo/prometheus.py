"""The demonstration's own Prometheus: installing it and asking it."""

import json
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
    """First value of an instant query, by way of the API server's service proxy; None without one."""
    path = f"/api/v1/namespaces/{PROMETHEUS_NAMESPACE}/services/prometheus:9090/proxy/api/v1/query"
    answer = json.loads(kubectl.run("get", "--raw", f"{path}?query={quote(promql)}"))
    rows = answer["data"]["result"]
    value = float(rows[0]["value"][1]) if rows else None
    return None if value is None or value != value else value
