"""kubectl as a function: the demonstration touches a cluster in no other way, so it runs on any."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 200.0


class KubectlFailed(Exception):
    """kubectl said no; the message is its last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """Calls on one context (empty: the current one)."""

    context: str = ""

    def run(self, *arguments: str, manifest: str = "") -> str:
        """Standard output of a call; `manifest` goes to its standard input.

        Raises:
            KubectlFailed: exit status other than 0, no answer in time, or no kubectl.
        """
        command = ["kubectl", *([f"--context={self.context}"] if self.context else []), *arguments]
        try:
            done = subprocess.run(command, input=manifest, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise KubectlFailed(f"{' '.join(command)}: no answer in {TIMEOUT_SECONDS:.0f} s") from error
        except FileNotFoundError as error:
            raise KubectlFailed("kubectl is not installed") from error
        if done.returncode != 0:
            raise KubectlFailed(f"{' '.join(command)}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object or a list as JSON."""
        found: dict[str, Any] = json.loads(self.run("get", *arguments, "--output=json"))
        return found

    def find(self, *arguments: str) -> dict[str, Any] | None:
        """An object as JSON; None if there is none of that name."""
        answer = self.run("get", *arguments, "--ignore-not-found", "--output=json")
        found: dict[str, Any] | None = json.loads(answer) if answer else None
        return found

    def apply(self, manifest: str) -> None:
        self.run("apply", "--filename=-", manifest=manifest)

    def await_rollout(self, namespace: str, deployment: str) -> None:
        """Wait until a Deployment's pods are ready."""
        self.run("rollout", "status", "--namespace", namespace, f"deployment/{deployment}", "--timeout=180s")
