"""Open-loop load from Jobs on the cluster, and what they say at their end."""

import json
import time
from dataclasses import dataclass
from typing import Any

import yaml

from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.sample_service import NAME, sample_manifest
from fastapi_tuning.load.profile import parse_profile

Json = dict[str, Any]
_GRACE_SECONDS = 90
"""For the start of a Job's pod, and for the answers that are still on their way at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadJob:
    """A load on one path; `profile` as fastapi_tuning.load reads it, for example 60s@80,30s@320."""

    path: str
    profile: str
    objective_milliseconds: int = 500
    name: str = "load"
    timeout_seconds: int = 10
    seed: int = 1
    kept_connections: int = 0
    """0: each request opens its own."""


def start(kubectl: Kubectl, namespace: str, job: LoadJob, *, registry: str = "localhost") -> None:
    """Offer the load to the service of that namespace."""
    manifest = sample_manifest("load", namespace=namespace, registry=registry)
    manifest["metadata"]["name"] = job.name
    manifest["spec"]["template"]["metadata"]["labels"] = {"app": job.name}
    manifest["spec"]["template"]["spec"]["containers"][0]["args"] = [
        f"--url=http://{NAME}.{namespace}.svc",
        f"--path={job.path}",
        f"--profile={job.profile}",
        f"--objective-milliseconds={job.objective_milliseconds}",
        f"--timeout={job.timeout_seconds}",
        f"--seed={job.seed}",
        f"--kept-connections={job.kept_connections}",
    ]
    kubectl.apply(yaml.safe_dump(manifest))


def phases(kubectl: Kubectl, namespace: str, job: LoadJob) -> list[Json]:
    """One summary for each phase of the profile, once the Job has ended.

    Raises:
        KubectlFailed: it did not end in time.
    """
    seconds = parse_profile(job.profile).duration_seconds + _GRACE_SECONDS
    deadline = time.monotonic() + seconds
    while kubectl.get("--namespace", namespace, f"job/{job.name}").get("status", {}).get("succeeded") != 1:
        if time.monotonic() > deadline:
            raise KubectlFailed(f"the load {job.name} did not end within {seconds:.0f} s")
        time.sleep(2)
    log = kubectl.run("logs", "--namespace", namespace, f"job/{job.name}")
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]
