"""How settings and connections reach many pods: from the decision into every process, and from old pods to new ones."""

import math
import statistics
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dev.demo.kubectl import KubectlFailed
from dev.demo.load_job import LoadJob, phases, start
from dev.demo.prometheus import instant_values
from dev.demo.service import Service

Json = dict[str, Any]
BALANCED_RATIO = 1.2
_SCRAPED_SECONDS = 60
"""Until every pod was scraped after a change; the effect itself has a time stamp."""
_BALANCE_SECONDS = 240
_CONNECTIONS = 100
"""Sixty of them are in use at a time, and none idles until the server closes it."""
FIRST_MILLISECONDS = 1000
_SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
"""So that fifty pods fit on a small node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Seconds from a decision, which is the beginning of the cycle that makes it, to its effect; over pods and changes.

    `missing` effects were not seen within a minute.
    """

    pods: int
    changes: int
    missing: int
    p50_seconds: float
    p99_seconds: float
    longest_seconds: float
    restarts: int


def settings_reach_every_pod(service: Service, *, pods: int, changes: int) -> Delivery:
    """Change what the pods are to run with, several times, and read when each of them did.

    What changes is the objective, which is an edge of the agents' histogram: it needs no traffic to be decided.
    """
    service.tune(**_with_objective(FIRST_MILLISECONDS))
    service.deploy_plain(replicas=pods, resources=_SMALL)
    seconds: list[float] = []
    missing = 0
    for change in range(1, changes + 1):
        milliseconds = FIRST_MILLISECONDS + change
        service.tune(**_with_objective(milliseconds))
        decided, generation = _decision(service, milliseconds)
        effects = _effects(service, generation, pods)
        seconds += [effect - decided for effect in effects]
        missing += pods - len(effects)
    ordered = sorted(seconds)
    return Delivery(
        pods=pods,
        changes=changes,
        missing=missing,
        p50_seconds=_quantile(ordered, 0.5),
        p99_seconds=_quantile(ordered, 0.99),
        longest_seconds=ordered[-1],
        restarts=service.restarts(),
    )


def _with_objective(milliseconds: int) -> Json:
    return {
        "apply": {"strategy": "Auto"},
        "replicas": {"mode": "Off"},
        "objectives": {"latency": {"percentile": "99", "thresholdMilliseconds": milliseconds}},
    }


def _decision(service: Service, milliseconds: int) -> tuple[float, int]:
    """When the change was decided, as Unix time, and the generation that stands for it."""
    deadline = time.monotonic() + _SCRAPED_SECONDS
    while time.monotonic() < deadline:
        live = service.status().get("live", {})
        if f'"objectiveMilliseconds":{milliseconds}' in live.get("settings", ""):
            return datetime.fromisoformat(live["changedTime"]).timestamp(), live["generation"]
        time.sleep(1)
    raise KubectlFailed(f"the change was not decided within {_SCRAPED_SECONDS} s: {service.status()}")


def _effects(service: Service, generation: int, pods: int) -> list[float]:
    """Unix times at which the pods came to run with the settings of that generation."""
    where = f'namespace="{service.namespace}"'
    in_force = f"fastapi_tuning_agent_settings_generation{{{where}}} == {generation}"
    since = f"fastapi_tuning_agent_settings_applied_timestamp_seconds{{{where}}} and on (pod) ({in_force})"
    deadline = time.monotonic() + _SCRAPED_SECONDS
    found: list[float] = []
    while len(found) < pods and time.monotonic() < deadline:
        found = instant_values(service.kubectl, f"max by (pod) ({since})")
        time.sleep(1)
    return found


def _quantile(ordered: list[float], quantile: float) -> float:
    """Nearest rank."""
    return ordered[max(0, math.ceil(quantile * len(ordered)) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What became of two new pods beside one that has all the connections."""

    mode: str
    seconds_to_balance: float | None
    """From the last new pod's readiness until the busiest pod first served at most 1.2 times what the idlest did, over
    30 s; None: not within the time that was watched."""
    balanced_share: float | None
    """Of the looks since then, one each 2 s, those that found them as even."""
    median_ratio: float
    """Of the second half of the time."""
    failed_ratio: float


def connections_follow_the_pods(service: Service, *, mode: str) -> Balance:
    """Three pods instead of one, under a load that one could carry; every client keeps its connections."""
    job = LoadJob(
        path="/loop?milliseconds=500",
        profile=f"40s@120,{_BALANCE_SECONDS}s@120",
        objective_milliseconds=1000,
        kept_connections=_CONNECTIONS,
    )
    service.tune(apply={"strategy": "Auto"}, connections={"mode": mode}, replicas={"mode": "Off"})
    service.deploy_plain(replicas=1)
    start(service.kubectl, service.namespace, job)
    time.sleep(40)
    service.scale(3)
    ready = time.monotonic()
    looks: list[tuple[float, float]] = []
    while (since := time.monotonic() - ready) < _BALANCE_SECONDS - 20:
        looks.append((since, _ratio(service)))
        time.sleep(2)
    balanced = next((since for since, ratio in looks if ratio <= BALANCED_RATIO), None)
    later = [ratio <= BALANCED_RATIO for since, ratio in looks if balanced is not None and since >= balanced]
    summary = phases(service.kubectl, service.namespace, job)[-1]
    return Balance(
        mode=mode,
        seconds_to_balance=balanced,
        balanced_share=sum(later) / len(later) if later else None,
        median_ratio=statistics.median(ratio for _, ratio in looks[len(looks) // 2 :]),
        failed_ratio=(summary["errors"] + summary["timeouts"]) / summary["offered"],
    )


def _ratio(service: Service) -> float:
    """Requests of the busiest pod over those of the idlest; infinite while one has none."""
    counter = f'fastapi_tuning_requests_started_total{{namespace="{service.namespace}"}}'
    rates = instant_values(service.kubectl, f"max by (pod) (rate({counter}[30s]))")
    return math.inf if len(rates) < 3 or min(rates) == 0 else max(rates) / min(rates)
