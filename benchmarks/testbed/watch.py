"""One case on a cluster: deploy it, load it, let the fault in, and note what the status says."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from benchmarks.testbed.backends import install_backend
from benchmarks.testbed.cases import (
    INTERVAL_SECONDS,
    OBJECTIVE_MILLISECONDS,
    PATH,
    WATCHED_SECONDS,
    WINDOW_SECONDS,
    Case,
)
from benchmarks.testbed.verdict import Sighting
from dev.demo.kubectl import KubectlFailed
from dev.demo.load_job import LoadJob, start
from dev.demo.service import Service
from fastapi_tuning.api.status import LimitingFactor

Json = dict[str, Any]
_LOOK_SECONDS = 1.0
_START_SECONDS = 60.0
OBJECTIVES = {
    "latency": {"percentile": "99", "thresholdMilliseconds": OBJECTIVE_MILLISECONDS},
    "errors": {"maxPercent": "0.1"},
}


def watch(service: Service, case: Case) -> list[Sighting]:
    """Run the case; takes about two minutes.

    Raises:
        KubectlFailed: the cluster did not do what was asked.
    """
    service.tune(
        mode="Recommend",
        apply={"strategy": "Live"},
        connections={"mode": "Off"},
        intervalSeconds=INTERVAL_SECONDS,
        metrics={"source": "Auto", "windowSeconds": WINDOW_SECONDS},
        objectives=OBJECTIVES,
    )
    deploy(service, case)
    job = LoadJob(
        path=PATH,
        profile=case.profile,
        objective_milliseconds=OBJECTIVE_MILLISECONDS,
        kept_connections=case.kept_connections,
    )
    start(service.kubectl, service.namespace, job, registry=service.registry)
    begun = began(service, job.name)
    before = list(_statuses(service, until=begun + case.quiet_seconds))
    if case.scale_to is not None:
        service.scale(case.scale_to)
    fault = time.time()
    after = list(_statuses(service, until=begun + case.quiet_seconds + WATCHED_SECONDS))
    return sightings_of([*before, *after], fault)


def deploy(service: Service, case: Case, *, max_connections: int = 100) -> None:
    """What is behind it, and one pod of it."""
    environment = dict(case.environment)
    if case.backend is not None:
        environment |= install_backend(service, case.backend, max_connections=max_connections)
    limit: Json = {"resourceFieldRef": {"containerName": "app", "resource": "limits.memory"}}
    service.deploy_plain(
        replicas=1,
        command=case.command,
        env=[
            {"name": "MEMORY_LIMIT_BYTES", "valueFrom": limit},
            *({"name": name, "value": value} for name, value in environment.items()),
        ],
        resources={"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": case.memory}},
    )


def began(service: Service, job: str) -> float:
    """Unix time at which the load's container started, which is a second before its first request.

    Raises:
        KubectlFailed: it did not start within a minute.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        pods = service.kubectl.get("--namespace", service.namespace, "pods", f"--selector=app={job}")["items"]
        for status in (each for pod in pods for each in pod["status"].get("containerStatuses", ())):
            if running := status["state"].get("running"):
                return datetime.fromisoformat(running["startedAt"]).timestamp()
        time.sleep(_LOOK_SECONDS / 2)
    raise KubectlFailed(f"the load {job} did not start within {_START_SECONDS:.0f} s")


def _statuses(service: Service, *, until: float) -> Iterator[tuple[float, Json]]:
    """The status once a second until that Unix time, each with the time it was asked for."""
    while (now := time.time()) < until:
        yield now, service.status()
        time.sleep(_LOOK_SECONDS)


def sightings_of(looks: Sequence[tuple[float, Json]], fault: float) -> list[Sighting]:
    """What each cycle said that said something new; times are Unix time. Pure.

    A cycle is dated by its observation. One that could observe nothing leaves the last observation's time as it was,
    and is dated by the look that found it.
    """
    found: list[Sighting] = []
    last: datetime | None = None
    for looked, status in looks:
        told = status.get("history", {}).get("lastObservationTime")
        if told is None:
            continue
        observed = datetime.fromisoformat(told)
        sighting = _sighting(status, (looked if observed == last else observed.timestamp()) - fault)
        if not found or (found[-1].factor, found[-1].runner_up) != (sighting.factor, sighting.runner_up):
            found.append(sighting)
        last = observed
    return found


def _sighting(status: Mapping[str, Any], seconds: float) -> Sighting:
    diagnosis = status.get("diagnosis") or {}
    return Sighting(
        seconds=seconds,
        factor=status.get("limitingFactor", LimitingFactor.UNKNOWN),
        confidence=diagnosis.get("confidence", ""),
        evidence=diagnosis.get("evidence", ""),
        runner_up=diagnosis.get("runnerUp") or "",
    )
