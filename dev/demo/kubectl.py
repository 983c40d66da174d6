"""kubectl as a function: the demonstration touches a cluster in no other way, so it runs on any."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

TIMEOUT_SECONDS = 120.0


class KubectlFailed(Exception):
    """kubectl said no; the message is its last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """Calls on one context (empty: the current one)."""

    context: str = ""

    def run(self, *arguments: str, manifest: str = "") -> str:
        """Standard output of a call; `manifest` goes to its standard input.

        Raises:
            KubectlFailed: exit status other than 0, or no answer in two minutes.
        """
        command = ["kubectl", *([f"--context={self.context}"] if self.context else []), *arguments]
        try:
            done = subprocess.run(command, input=manifest, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise KubectlFailed(f"{' '.join(command)}: no answer in {TIMEOUT_SECONDS:.0f} s") from error
        if done.returncode != 0:
            raise KubectlFailed(f"{' '.join(command)}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object or a list as JSON."""
        found: dict[str, Any] = json.loads(self.run("get", *arguments, "--output=json"))
        return found

    def apply(self, manifest: str) -> None:
        self.run("apply", "--filename=-", manifest=manifest)

    def prometheus(self, promql: str) -> float | None:
        """First value of an instant query, by way of the API server's service proxy; None without one."""
        path = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"
        answer = json.loads(self.run("get", "--raw", f"{path}?query={quote(promql)}"))
        rows = answer["data"]["result"]
        value = float(rows[0]["value"][1]) if rows else None
        return None if value is None or value != value else value
