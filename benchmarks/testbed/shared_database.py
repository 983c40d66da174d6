"""Two services that share one database of a hundred connections, and both want more than there is."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from benchmarks.testbed.cases import CASES, PATH
from benchmarks.testbed.watch import deploy
from dev.demo.kubectl import Kubectl
from dev.demo.load_job import LoadJob, start
from dev.demo.postgres import MAX_CONNECTIONS, install_postgres
from dev.demo.sample_service import NAME
from dev.demo.service import Service, temporary_service

Json = dict[str, Any]
CONNECTIONS_PER_POD = 10
RESERVED = 10
BUDGET = MAX_CONNECTIONS - RESERVED
HOLD_MILLISECONDS = 1000
"""So a pod answers ten a second, and its CPU is not what counts."""
OBJECTIVES = {"latency": {"percentile": "99", "thresholdMilliseconds": 3 * HOLD_MILLISECONDS}}
"""More pods must help, or nobody would ask for them."""
MOST_PODS = 8
STEP_SECONDS = 300
RATES = ((70, 20, 70, 70), (70, 70, 20, 70))
"""Requests per second of each service, step by step, over and over; 70 ask for seven pods and 140 for fourteen."""
_LOOK_SECONDS = 1.0
(POOLED,) = (case for case in CASES if case.name == "database_pool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Pods of each service that exist: starting, serving and going alike, since all may hold connections."""

    seconds: float
    pods: tuple[int, ...]

    @property
    def connections(self) -> int:
        return sum(self.pods) * CONNECTIONS_PER_POD


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What was seen each second, and the share of each service's requests that failed."""

    moments: tuple[Moment, ...]
    failed_ratios: tuple[float | None, ...]

    @property
    def most_connections(self) -> int:
        return max(moment.connections for moment in self.moments)

    @property
    def passed(self) -> bool:
        return self.most_connections <= BUDGET


def profile(rates: Sequence[int], minutes: int) -> str:
    """The rates step by step until the minutes are over, as fastapi_tuning.load reads it. Pure."""
    left, phases = minutes * 60, list[str]()
    while left > 0:
        seconds = min(STEP_SECONDS, left)
        phases.append(f"{seconds}s@{rates[len(phases) % len(rates)]}")
        left -= seconds
    return ",".join(phases)


def share_one_database(kubectl: Kubectl, minutes: int) -> Hour:
    """Load both for so long and count the pods each second."""
    with temporary_service(kubectl, "localhost") as first, temporary_service(kubectl, "localhost") as second:
        services = (first, second)
        url = install_postgres(kubectl, first.namespace, registry=first.registry)
        for service in services:
            _deploy(service, url)
        for service, rates in zip(services, RATES, strict=True):
            path = f"{PATH}?milliseconds={HOLD_MILLISECONDS}"
            start(kubectl, service.namespace, LoadJob(path=path, profile=profile(rates, minutes)))
        moments = _watch(kubectl, [service.namespace for service in services], minutes * 60)
        return Hour(moments=moments, failed_ratios=tuple(service.failed_ratio() for service in services))


def _deploy(service: Service, database_url: str) -> None:
    service.tune(
        apply={"strategy": "Live"},
        objectives=OBJECTIVES,
        replicas={"min": 1, "max": MOST_PODS},
        database={
            "name": "orders",
            "connectionsPerPod": CONNECTIONS_PER_POD,
            "maxConnections": MAX_CONNECTIONS,
            "reservedConnections": RESERVED,
        },
    )
    environment = {
        "SAMPLE_DATABASE_URL": database_url,
        "SAMPLE_DATABASE_POOL_SIZE": str(CONNECTIONS_PER_POD),
        "SAMPLE_DATABASE_MAX_OVERFLOW": "0",
    }
    deploy(service, replace(POOLED, environment=environment, backend=None))


def _watch(kubectl: Kubectl, namespaces: Sequence[str], seconds: float) -> tuple[Moment, ...]:
    """The pods of both, each second, by one request."""
    begun, moments = time.monotonic(), list[Moment]()
    while (now := time.monotonic() - begun) < seconds:
        pods = json.loads(kubectl.run("get", "--raw", f"/api/v1/pods?labelSelector=app%3D{NAME}"))["items"]
        moments.append(Moment(seconds=now, pods=pods_of(namespaces, pods)))
        time.sleep(max(0.0, _LOOK_SECONDS - (time.monotonic() - begun - now)))
    return tuple(moments)


def pods_of(namespaces: Sequence[str], pods: Sequence[Json]) -> tuple[int, ...]:
    """How many of each namespace are there and have not ended. Pure."""
    alive = Counter(
        pod["metadata"]["namespace"] for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")
    )
    return tuple(alive[namespace] for namespace in namespaces)


def report(hour: Hour) -> str:
    """As Markdown: the most there was, and how the two came off. Pure."""
    seen = len(hour.moments)
    means = [fmean(moment.pods[index] for moment in hour.moments) for index in range(len(RATES))]
    full = sum(moment.connections == BUDGET for moment in hour.moments) / seen
    rows = [
        ("seconds that were looked at", str(seen)),
        ("budget", f"{BUDGET} connections of {MAX_CONNECTIONS}, {RESERVED} reserved"),
        ("most connections that the pods could open", str(hour.most_connections)),
        ("share of the time at the budget", f"{full:.0%}"),
        ("pods on average", ", ".join(f"{mean:.1f}" for mean in means)),
        ("most pods of one service", ", ".join(str(max(m.pods[i] for m in hour.moments)) for i in range(len(RATES)))),
        ("errors and timeouts", ", ".join("—" if each is None else f"{each:.1%}" for each in hour.failed_ratios)),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]) + "\n"
