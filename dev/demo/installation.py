"""What a cluster needs before there is anything to see: Prometheus, and the operator by Helm as a user installs it."""

import os
import subprocess
from pathlib import Path

from dev.demo.kubectl import Kubectl, KubectlFailed

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "charts" / "fastapi-tuning-operator"
RELEASE = "fastapi-tuning-operator"
RELEASE_NAMESPACE = "fastapi-tuning-system"
PROMETHEUS_NAMESPACE = "monitoring"
PROMETHEUS_URL = f"http://prometheus.{PROMETHEUS_NAMESPACE}:9090"
_HELM_TIMEOUT_SECONDS = 180.0


def install_prometheus(kubectl: Kubectl, registry: str) -> None:
    """Idempotent; the image is REGISTRY/prometheus:dev or what PROMETHEUS_IMAGE names."""
    image = os.environ.get("PROMETHEUS_IMAGE", f"{registry}/prometheus:dev")
    manifest = (REPOSITORY / "dev" / "demo" / "prometheus.yaml").read_text()
    kubectl.apply(manifest.replace("${PROMETHEUS_IMAGE}", image))
    rolled_out(kubectl, PROMETHEUS_NAMESPACE, "prometheus")


def install_operator(kubectl: Kubectl, registry: str) -> None:
    """Install or upgrade the release, and start its pod anew: a development image changes under the same tag.

    Raises:
        KubectlFailed: with what helm said and how the pods are.
    """
    values = [
        f"prometheus.url={PROMETHEUS_URL}",
        f"image.repository={registry}/fastapi-tuning-operator",
        "image.tag=dev",
    ]
    helm(
        kubectl,
        "upgrade",
        "--install",
        RELEASE,
        str(CHART),
        "--create-namespace",
        "--wait",
        "--timeout=120s",
        *(f"--set={value}" for value in values),
    )
    kubectl.run("rollout", "restart", "--namespace", RELEASE_NAMESPACE, f"deployment/{RELEASE}")
    rolled_out(kubectl, RELEASE_NAMESPACE, RELEASE)


def helm(kubectl: Kubectl, *arguments: str) -> str:
    """Standard output of helm on the release's namespace.

    Raises:
        KubectlFailed: with what helm said and how the pods are.
    """
    command = ["helm", *arguments, f"--namespace={RELEASE_NAMESPACE}"]
    if kubectl.context:
        command.append(f"--kube-context={kubectl.context}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=_HELM_TIMEOUT_SECONDS)
    if done.returncode != 0:
        pods = kubectl.run("get", "pods", "--namespace", RELEASE_NAMESPACE)
        raise KubectlFailed(f"helm: {done.stderr.strip()}\n{pods}")
    return done.stdout


def rolled_out(kubectl: Kubectl, namespace: str, name: str) -> None:
    """Wait until a Deployment's pods are ready."""
    kubectl.run("rollout", "status", "--namespace", namespace, f"deployment/{name}", "--timeout=90s")


def sample_manifest(name: str, registry: str) -> str:
    """One of the sample app's manifests, with images of `registry`."""
    text = (REPOSITORY / "sample_app" / "manifests" / f"{name}.yaml").read_text()
    return text.replace("localhost/", f"{registry}/")
