"""A service that passes every check, changed only in what a test is about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi_tuning.api.tuning import FastAPITuning, tuning_of
from fastapi_tuning.audit.checklist import CHECKLIST
from fastapi_tuning.audit.facts import (
    Database,
    DatabasePool,
    DisruptionBudget,
    Facts,
    Pod,
    Probe,
    Probes,
    Resources,
    Rollout,
    Seen,
    Server,
    Setting,
    Shutdown,
    Unread,
)
from fastapi_tuning.audit.finding import Finding, audit
from tests.unit.control.builders import launch, pod_traffic, traffic

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MEBIBYTE = 2**20
REFUSED = Unread(id="unread-pods", what="Pods", why="403", fix="# ask for the right")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def tuning(**spec: Any) -> FastAPITuning:
    """Mode Auto, looked at 15 s ago."""
    status = spec.pop("status", {"history": {"lastObservationTime": ago(15).isoformat()}})
    parsed = tuning_of(
        {
            "metadata": {
                "namespace": "shop",
                "name": "checkout",
                "uid": "u",
                "generation": 1,
                "creationTimestamp": ago(7200).isoformat(),
                "annotations": spec.pop("annotations", {}),
            },
            "spec": {
                "targetRef": {"name": "checkout"},
                "mode": "Auto",
                "replicas": {"min": 2, "max": 4},
                "threadPool": {"max": 60},
                **spec,
            },
            "status": status,
        }
    )
    assert isinstance(parsed, FastAPITuning)
    return parsed


def server(**changes: Any) -> Server:
    plain = Server(
        launch=launch(),
        reloads=False,
        limit_concurrency=None,
        max_requests=None,
        graceful_shutdown_seconds=None,
        keep_alive_seconds=Setting(value=75, origin="environment UVICORN_TIMEOUT_KEEP_ALIVE=75"),
        ignored_variables=(),
    )
    return replace(plain, **changes)


def probe(**changes: Any) -> Probe:
    plain = Probe(
        handler="httpGet",
        endpoint="http/healthz",
        path="/healthz",
        timeout_seconds=5,
        period_seconds=10,
        failure_threshold=6,
        initial_delay_seconds=0,
    )
    return replace(plain, **changes)


def probes(**changes: Any) -> Probes:
    readiness = probe(endpoint="http/readyz", path="/readyz", period_seconds=5, failure_threshold=3)
    return replace(Probes(liveness=probe(), readiness=readiness, startup=probe(failure_threshold=30)), **changes)


def resources(**changes: Any) -> Resources:
    plain = Resources(
        cpu_request_cores=1.0,
        cpu_limit_cores=1.0,
        memory_request_bytes=1024 * MEBIBYTE,
        memory_limit_bytes=1024 * MEBIBYTE,
    )
    return replace(plain, **changes)


def pod(index: int = 0, **changes: Any) -> Pod:
    return replace(Pod(name=f"pod-{index}", node=f"node-{index}", ready=True, restarts=0, last_end=None), **changes)


def budget(**changes: Any) -> DisruptionBudget:
    plain = DisruptionBudget(
        name="checkout", rule="maxUnavailable: 1", disruptions_allowed=1, healthy_pods=2, expected_pods=2
    )
    return replace(plain, **changes)


def seen(**changes: Any) -> Seen:
    pods = tuple(pod_traffic(pod=f"pod-{index}", resident_bytes=200.0 * MEBIBYTE) for index in range(2))
    plain = Seen(signals=traffic(pods=pods), blocking=(), throttled_ratio=0.0, liveness_seconds=0.002)
    return replace(plain, **changes)


def pool(size: int = 20, overflow: int | None = 20) -> DatabasePool:
    extra = None if overflow is None else Setting(value=overflow, origin=f"DB_MAX_OVERFLOW={overflow}")
    return DatabasePool(size=Setting(value=size, origin=f"DB_POOL_SIZE={size}"), overflow=extra)


def database(**changes: Any) -> Database:
    return replace(Database(pool=pool(), mentioned_by="DB_URL", max_connections=400), **changes)


def facts(**changes: Any) -> Facts:
    """Two pods on two nodes, tuned."""
    plain = Facts(
        time=NOW,
        namespace="shop",
        deployment="checkout",
        container="app",
        selector={"app": "checkout"},
        port="http",
        replicas=2,
        server=server(),
        thread_pool_variable=None,
        probes=probes(),
        resources=resources(),
        shutdown=Shutdown(grace_period_seconds=30, pre_stop="sleep", pre_stop_seconds=5),
        rollout=Rollout(recreates=False, max_unavailable_pods=0, max_unavailable="25%"),
        pods=(pod(0), pod(1)),
        disruption_budgets=(budget(),),
        autoscalers=(),
        proxies=(),
        database=database(),
        seen=seen(),
        tuning=tuning(),
    )
    return replace(plain, **changes)


def found(**changes: Any) -> dict[str, Finding]:
    """What the audit finds in the service, by id."""
    return {finding.id: finding for finding in audit(facts(**changes), CHECKLIST).findings}
