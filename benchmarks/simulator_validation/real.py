"""One case on a real cluster: a pod of the sample app, its database, and open-loop load from a Job."""

import time
from dataclasses import dataclass
from typing import Any

import yaml

from benchmarks.simulator_validation.cases import Case
from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.load_job import LoadJob, phases, start
from dev.demo.ownership import renew_namespace
from dev.demo.postgres import install_postgres, url_of
from dev.demo.prometheus import instant_value
from dev.demo.sample_service import sample_manifest

NAMESPACE = "fastapi-tuning-demo-validation"
"""The demonstration's Prometheus scrapes namespaces of this beginning."""
QUIET_SECONDS, SETTLING_SECONDS, LOADED_SECONDS = 40, 20, 120
SEED = 1
"""Of the load generator: with it the same arrivals can be given to the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the clients saw under load, from the scheduled send, and what a request cost while the pod was quiet."""

    p50_seconds: float
    p99_seconds: float
    answered_per_second: float
    quiet_p50_seconds: float
    cpu_seconds_per_request: float
    generator_lag_p99_seconds: float
    """How late the load generator itself was: what the machine did besides."""


def prepare(kubectl: Kubectl) -> None:
    """A namespace with a database, from scratch."""
    renew_namespace(kubectl, NAMESPACE)
    install_postgres(kubectl, NAMESPACE)


def measure(kubectl: Kubectl, case: Case) -> Measured:
    """Run one case; takes three minutes and a half.

    Raises:
        KubectlFailed: the cluster did not do what was asked.
    """
    _deploy(kubectl, case)
    cpu = _quiet_cpu(kubectl, case)
    found = phases(kubectl, NAMESPACE, _load(case))
    quiet, loaded = found[0], found[-1]
    if quiet["p50_seconds"] is None or loaded["p99_seconds"] is None:
        raise KubectlFailed(f"{case.name}: so many requests failed that there is no percentile: {loaded}")
    return Measured(
        p50_seconds=loaded["p50_seconds"],
        p99_seconds=loaded["p99_seconds"],
        answered_per_second=loaded["completed"] / LOADED_SECONDS,
        quiet_p50_seconds=quiet["p50_seconds"],
        cpu_seconds_per_request=cpu,
        generator_lag_p99_seconds=loaded["generator_lag_p99_seconds"],
    )


def _deploy(kubectl: Kubectl, case: Case) -> None:
    deployment, service = _manifest("deployment"), _manifest("service")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [
        {"name": "FASTAPI_TUNING_THREAD_POOL_SIZE", "value": str(case.threads)},
        {"name": "SAMPLE_DATABASE_URL", "value": url_of(NAMESPACE)},
        {"name": "SAMPLE_DATABASE_POOL_SIZE", "value": str(case.connections)},
        {"name": "SAMPLE_DATABASE_MAX_OVERFLOW", "value": "0"},
    ]
    kubectl.run("delete", "--namespace", NAMESPACE, "job/load", "--ignore-not-found", "--wait")
    for manifest in (deployment, service):
        kubectl.apply(yaml.safe_dump(manifest))
    kubectl.await_rollout(NAMESPACE, "checkout")
    start(kubectl, NAMESPACE, _load(case))


def _load(case: Case) -> LoadJob:
    return LoadJob(path=case.path, profile=profile_of(case), seed=SEED)


def profile_of(case: Case) -> str:
    """Quiet, then loaded; only the last phase is compared."""
    quiet, loaded = f"{QUIET_SECONDS}s@{case.quiet_per_second}", f"@{case.loaded_per_second}"
    return f"{quiet},{SETTLING_SECONDS}s{loaded},{LOADED_SECONDS}s{loaded}"


def _quiet_cpu(kubectl: Kubectl, case: Case) -> float:
    """CPU seconds per request of the quiet phase; what probes and scrapes cost is in it."""
    time.sleep(QUIET_SECONDS - 5)
    pod = f'namespace="{NAMESPACE}",pod=~"checkout.*"'
    used = instant_value(kubectl, f"sum(rate(process_cpu_seconds_total{{{pod}}}[25s]))")
    if used is None:
        raise KubectlFailed(f"Prometheus has no CPU time of the pod in {NAMESPACE}")
    return used / case.quiet_per_second


def _manifest(name: str) -> dict[str, Any]:
    return sample_manifest(name, namespace=NAMESPACE, registry="localhost")
