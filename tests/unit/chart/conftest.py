"""Renders the chart with the real helm: only helm knows what helm makes of a template."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "fastapi-tuning-operator"
PROMETHEUS = ("--set", "prometheus.url=http://prometheus.monitoring:9090")

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]


@pytest.fixture(scope="session")
def template() -> Callable[..., subprocess.CompletedProcess[str]]:
    return helm_template


def helm_template(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`helm template` with the given arguments, by HELM or the first helm on PATH; gives exit code and both streams."""
    helm = shutil.which(os.environ.get("HELM", "helm"))
    if helm is None:
        pytest.fail("helm is missing: set HELM to its path, or put it on PATH", pytrace=False)
    command = [helm, "template", "fastapi-tuning-operator", str(CHART), "--namespace", "fastapi-tuning-system"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="session")
def render() -> Render:
    return rendered


def rendered(*settings: str) -> list[Manifest]:
    """The manifests that the chart gives with a Prometheus URL and the given settings (`key=value`)."""
    result = helm_template(*PROMETHEUS, *(word for setting in settings for word in ("--set", setting)))
    assert result.returncode == 0, result.stderr
    return [manifest for manifest in yaml.safe_load_all(result.stdout) if manifest is not None]


def only(manifests: list[Manifest], kind: str) -> Manifest:
    """The one manifest of a kind; roles for people aside."""
    (manifest,) = [each for each in manifests if each["kind"] == kind and not aggregated_to(each)]
    return manifest


def aggregated_to(manifest: Manifest) -> set[str]:
    """The cluster's own roles that a ClusterRole adds its rights to."""
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    labels = manifest["metadata"].get("labels", {})
    return {
        label.removeprefix(prefix) for label, value in labels.items() if label.startswith(prefix) and value == "true"
    }
