"""Our chart on a cluster, by Helm, as a user installs it."""

import subprocess
from pathlib import Path

from dev.demo.kubectl import KubectlFailed

CHART = Path(__file__).resolve().parents[2] / "charts" / "fastapi-tuning-operator"
RELEASE = "fastapi-tuning-operator"
RELEASE_NAMESPACE = "fastapi-tuning-system"
TIMEOUT_SECONDS = 180.0


def install(context: str, registry: str, *arguments: str) -> None:
    """Install or upgrade the release and wait until it is ready; `arguments` go to helm.

    Raises:
        KubectlFailed: helm gave up; with what it said and how the release's pods are.
    """
    command = ["helm", "upgrade", "--install", RELEASE, str(CHART)]
    command += [f"--namespace={RELEASE_NAMESPACE}", "--create-namespace", "--wait", "--timeout=120s"]
    command += [f"--set=image.repository={registry}/fastapi-tuning-operator", "--set=image.tag=dev", *arguments]
    if context:
        command.append(f"--kube-context={context}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    if done.returncode != 0:
        raise KubectlFailed(f"helm: {done.stderr.strip()}\n{_pods(context)}")


def _pods(context: str) -> str:
    """What keeps the pods from being ready, for the person who reads the failure."""
    command = ["kubectl", "get", "pods", f"--namespace={RELEASE_NAMESPACE}", "--output=wide"]
    if context:
        command.append(f"--context={context}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return done.stdout or done.stderr
