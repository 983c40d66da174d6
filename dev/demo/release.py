"""The operator on a cluster, by Helm as a user installs it."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dev.demo import prometheus
from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.ownership import RELEASE, RELEASE_NAMESPACE, ensure_namespace

REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "charts" / "fastapi-tuning-operator"
_HELM_TIMEOUT_SECONDS = 240.0


def install_operator(
    kubectl: Kubectl, registry: str, *, watch_namespaces: Sequence[str], prometheus_url: str = prometheus.URL
) -> None:
    """Install or upgrade the release, and start its pod anew: a development image changes under the same tag.

    It acts in `watch_namespaces`, which must exist; in all namespaces without any.

    Raises:
        KubectlFailed: with what helm said and how the pods are.
        NotOurs: the release's namespace is somebody else's.
    """
    ensure_namespace(kubectl, RELEASE_NAMESPACE)
    values = [
        f"prometheus.url={prometheus_url}",
        f"image.repository={registry}/fastapi-tuning-operator",
        "image.tag=dev",
    ]
    settings = [
        *(f"--set={value}" for value in values),
        f"--set-json=watchNamespaces={json.dumps([*watch_namespaces])}",
    ]
    helm(kubectl, "upgrade", "--install", RELEASE, str(CHART), "--wait", "--timeout=180s", *settings)
    kubectl.run("rollout", "restart", "--namespace", RELEASE_NAMESPACE, f"deployment/{RELEASE}")
    kubectl.await_rollout(RELEASE_NAMESPACE, RELEASE)


def helm(kubectl: Kubectl, *arguments: str) -> str:
    """Standard output of helm on the release's namespace.

    Raises:
        KubectlFailed: with what helm said and how the pods are.
    """
    command = ["helm", *arguments, f"--namespace={RELEASE_NAMESPACE}"]
    if kubectl.context:
        command.append(f"--kube-context={kubectl.context}")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_HELM_TIMEOUT_SECONDS)
    except FileNotFoundError as error:
        raise KubectlFailed("helm is not installed") from error
    if done.returncode != 0:
        pods = kubectl.run("get", "pods", "--namespace", RELEASE_NAMESPACE)
        raise KubectlFailed(f"helm: {done.stderr.strip()}\n{pods}")
    return done.stdout
