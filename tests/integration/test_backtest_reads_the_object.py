"""`fastapi-tuning backtest NAME` takes the spec from the cluster that KUBECONFIG names."""

import os
import subprocess
import sys

import pytest

from tests.integration.control_plane import ControlPlane


@pytest.fixture
def existing(plane: ControlPlane, namespace: str) -> None:
    body = {
        "apiVersion": "fastapituning.io/v1alpha1",
        "kind": "FastAPITuning",
        "metadata": {"name": "checkout"},
        "spec": {"targetRef": {"name": "checkout-api"}},
    }
    plane.call("POST", f"/apis/fastapituning.io/v1alpha1/namespaces/{namespace}/fastapitunings", body)


def backtest(plane: ControlPlane, namespace: str, name: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the client reads KUBECONFIG when it is imported."""
    command = [sys.executable, "-m", "fastapi_tuning.cli.main", "backtest", name, f"--namespace={namespace}"]
    return subprocess.run(
        [*command, "--prometheus-url=http://127.0.0.1:9"],
        env={**os.environ, "KUBECONFIG": str(plane.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_object_that_is_there_is_read_before_prometheus_is_asked(
    plane: ControlPlane, namespace: str, existing: None
) -> None:
    result = backtest(plane, namespace, "checkout")
    assert result.returncode == 1
    assert "Prometheus is not reachable" in result.stderr


def test_an_object_that_is_not_there_is_named(plane: ControlPlane, namespace: str, existing: None) -> None:
    result = backtest(plane, namespace, "basket")
    assert result.returncode == 1
    assert f"no FastAPITuning basket in namespace {namespace}" in result.stderr
