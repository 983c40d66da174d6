"""Every line of the checklist: what it finds, by which evidence, and what it lets pass."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.audit.facts import Autoscaler, BlockingPlace, ContainerEnd, Proxy, Rollout, Setting, Shutdown
from fastapi_tuning.control.observation import EnvironmentSetting, NoData
from tests.unit.audit.services import (
    MEBIBYTE,
    ago,
    budget,
    database,
    found,
    pod,
    pool,
    probe,
    probes,
    resources,
    seen,
    server,
    tuning,
)
from tests.unit.control.builders import launch, pod_traffic, traffic

FIVE = Setting(value=5, origin="uvicorn's default")


def limit(value: int) -> Setting:
    return Setting(value=value, origin=f"argument --limit-concurrency {value}")


def blocked(reason: Reason) -> Any:
    setting = EnvironmentSetting(
        variable="UVICORN_TIMEOUT_KEEP_ALIVE", current="5", blocked_by=reason, blocked_message="argo-cd owns it"
    )
    return server(launch=launch(settings=(setting,)))


def pods_of(**changes: Any) -> Any:
    pods = (pod_traffic(pod="pod-0", resident_bytes=200.0 * MEBIBYTE, **changes),)
    return seen(signals=traffic(pods=pods, scraped_pods=2))


def ended(reason: str, *, seconds_ago: float = 600.0) -> Any:
    end = ContainerEnd(reason=reason, exit_code=137, time=ago(seconds_ago))
    return (pod(0, restarts=3, last_end=end), pod(1))


def no_data(reason: Reason) -> Any:
    return seen(signals=NoData(reason=reason, message="nothing there"))


BLOCKING = (BlockingPlace(where="app/orders.py:41 price", blocked_seconds=140.0),)
RECREATE = Rollout(recreates=True, max_unavailable_pods=0, max_unavailable="")
NGINX = (Proxy(ingress="public", service="checkout", ingress_class="nginx"),)
HPA = (Autoscaler(kind="HorizontalPodAutoscaler", name="checkout-hpa", max_replicas=12),)


def on_a_database(**changes: Any) -> Any:
    """110 connections, 3 of them kept back."""
    return tuning(database={"name": "main", "maxConnections": 110, **changes})


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    time = ago(60).isoformat()
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time}


STALLED = {
    "conditions": [condition("Stalled", "True", "FieldConflict", "argo-cd owns it")],
    "history": {"lastObservationTime": ago(15).isoformat()},
}
HOLDING = {
    "conditions": [condition("Ready", "False", "NotScraped", "holding: no fresh samples")],
    "history": {"lastObservationTime": ago(1200).isoformat()},
}

CASES = [
    ("several-workers", {"server": server(launch=launch(workers=4, workers_from="argument -w 4"))}, "4 workers a pod"),
    ("auto-reload", {"server": server(reloads=True)}, "--reload"),
    (
        "ignored-variables",
        {"server": server(launch=launch(server="fastapi"), ignored_variables=("UVICORN_LIMIT_CONCURRENCY",))},
        "fastapi does not read UVICORN_LIMIT_CONCURRENCY",
    ),
    ("flag-beats-setting", {"server": blocked(Reason.FLAG_OVERRIDES)}, "argo-cd owns it"),
    ("variable-of-another", {"server": blocked(Reason.FIELD_CONFLICT)}, "argo-cd owns it"),
    ("thread-pool-exhausted", {"seen": pods_of(threads_busy=40.0, threads_waiting=12.0)}, "12 requests wait"),
    ("thread-pool-default", {"tuning": None}, "40 threads"),
    ("memory-nearly-full", {"resources": resources(memory_limit_bytes=220 * MEBIBYTE)}, "200 of 220 MiB"),
    ("memory-caps-threads", {"tuning": tuning(threadPool={"max": 200})}, "leave room for 117"),
    ("blocking-calls", {"seen": seen(blocking=BLOCKING)}, "app/orders.py:41 price 140 s"),
    ("limit-refuses-all", {"server": server(limit_concurrency=limit(1))}, "every request gets 503"),
    ("limit-refuses-all", {"server": server(limit_concurrency=limit(0))}, "every request gets 503"),
    ("limit-refuses-probes", {"server": server(limit_concurrency=limit(100))}, "--limit-concurrency 100"),
    (
        "max-requests-ends-pod",
        {"server": server(max_requests=Setting(value=10_000, origin="argument --limit-max-requests 10000"))},
        "after 10000 requests",
    ),
    ("keep-alive-below-proxy", {"server": server(keep_alive_seconds=FIVE), "proxies": NGINX}, "Ingress public (nginx)"),
    ("keep-alive-short", {"server": server(keep_alive_seconds=FIVE)}, "after 5 s"),
    ("no-readiness-probe", {"probes": probes(readiness=None)}, "no readinessProbe"),
    ("no-liveness-probe", {"probes": probes(liveness=None)}, "no livenessProbe"),
    ("no-startup-probe", {"probes": probes(startup=None, liveness=probe(failure_threshold=2))}, "longer than 20 s"),
    ("same-probe-endpoint", {"probes": probes(liveness=probe(failure_threshold=3), readiness=probe())}, "both ask"),
    ("probe-timeout-short", {"probes": probes(liveness=probe(timeout_seconds=1))}, "liveness 1 s"),
    ("liveness-slow-path", {"seen": seen(liveness_seconds=1.2)}, "1200 ms on average"),
    ("liveness-slow-path", {"probes": probes(liveness=probe(path="/health/db"))}, "/health/db"),
    ("no-requests", {"resources": resources(cpu_request_cores=None)}, "cpu"),
    ("cpu-limit-below-core", {"resources": resources(cpu_limit_cores=0.25)}, "25 ms of CPU"),
    ("cpu-throttled", {"seen": seen(throttled_ratio=0.31)}, "31%"),
    ("no-memory-limit", {"resources": resources(memory_limit_bytes=None)}, "no resources.limits for memory"),
    ("out-of-memory", {"pods": ended("OOMKilled", seconds_ago=86_400)}, "1 of 2 pods"),
    ("restarted-lately", {"pods": ended("Error")}, "code 137"),
    ("database-pool-small", {"database": database(pool=pool(10, 20))}, "30 connections for 40 threads"),
    ("database-overcommitted", {"database": database(max_connections=100)}, "= 160, of 100"),
    (
        "database-overcommitted",
        {"database": database(max_connections=None), "tuning": on_a_database(connectionsPerPod=20)},
        "= 160, of 107",
    ),
    (
        "database-understated",
        {"tuning": on_a_database(connectionsPerPod=20)},
        "1 workers × 40 connections (DB_POOL_SIZE=20) = 40 a pod, spec.database.connectionsPerPod is 20",
    ),
    ("no-metrics", {"seen": no_data(Reason.NOT_SCRAPED)}, "nothing there"),
    ("no-bucket-edge", {"seen": no_data(Reason.BUCKET_MISSING)}, "nothing there"),
    ("partly-scraped", {"pods": (pod(0), pod(1), pod(2))}, "2 of 3 ready pods"),
    (
        "bucket-edge-beside",
        {"tuning": tuning(objectives={"latency": {"thresholdMilliseconds": 700}})},
        "700 ms, the nearest bucket edge below it 500 ms",
    ),
    ("single-replica", {"replicas": 1}, "spec.replicas is 1"),
    ("no-disruption-budget", {"disruption_budgets": ()}, "2 pods"),
    ("disruption-budget-blocks", {"disruption_budgets": (budget(disruptions_allowed=0),)}, "maxUnavailable: 1"),
    ("recreate-strategy", {"rollout": RECREATE}, "Recreate"),
    (
        "rollout-takes-capacity",
        {"rollout": Rollout(recreates=False, max_unavailable_pods=1, max_unavailable="50%")},
        "50% takes 1 of 2 pods",
    ),
    ("one-node", {"pods": (pod(0, node="a"), pod(1, node="a"))}, "all 2 ready pods run on a"),
    (
        "no-pre-stop",
        {"shutdown": Shutdown(grace_period_seconds=30, pre_stop=None, pre_stop_seconds=None)},
        "no lifecycle.preStop",
    ),
    (
        "grace-period-short",
        {"shutdown": Shutdown(grace_period_seconds=30, pre_stop="sleep", pre_stop_seconds=25)},
        "take 35 s",
    ),
    ("another-autoscaler", {"autoscalers": HPA}, "HorizontalPodAutoscaler checkout-hpa"),
    ("operator-silent", {"tuning": tuning(status={})}, "none so far"),
    ("operator-silent", {"tuning": tuning(status=HOLDING)}, "the last 20 min ago; it says NotScraped: holding"),
    ("operator-stalled", {"tuning": tuning(status=STALLED)}, "FieldConflict: argo-cd owns it"),
]


def test_a_service_that_is_set_up_well_passes_every_check() -> None:
    assert found() == {}


@pytest.mark.parametrize(("id_", "changes", "evidence"), CASES, ids=[f"{case[0]}-{case[2]}" for case in CASES])
def test_each_fault_is_found_with_its_evidence(id_: str, changes: dict[str, Any], evidence: str) -> None:
    assert evidence in found(**changes)[id_].evidence


@pytest.mark.parametrize(("id_", "changes"), [case[:2] for case in CASES], ids=[case[0] for case in CASES])
def test_what_to_copy_is_yaml_or_a_command(id_: str, changes: dict[str, Any]) -> None:
    fix = found(**changes)[id_].fix
    code = "\n".join(line for line in fix.splitlines() if not line.startswith("#"))
    if code and not code.startswith(("kubectl", "await", "Instrumentator", "metrics.", "up{", "fastapi-tuning")):
        assert isinstance(yaml.safe_load(code), dict)


HARMLESS = [
    pytest.param({"server": server(limit_concurrency=limit(1000))}, id="a limit far out is a net"),
    pytest.param(
        {
            "server": server(limit_concurrency=limit(100)),
            "probes": probes(
                liveness=probe(handler="exec", path=None),
                readiness=probe(handler="exec", path=None, endpoint="ask"),
                startup=None,
            ),
        },
        id="a command does not go through the limit",
    ),
    pytest.param(
        {
            "server": server(
                launch=launch(server="gunicorn"), max_requests=Setting(value=1000, origin="argument --max-requests")
            )
        },
        id="gunicorn's arbiter keeps the listener",
    ),
    pytest.param(
        {"probes": probes(liveness=probe(), readiness=probe(failure_threshold=3))},
        id="the same endpoint with more patience",
    ),
    pytest.param({"probes": probes(liveness=probe(handler="tcpSocket", path=None, timeout_seconds=1))}, id="tcp probe"),
    pytest.param({"resources": resources(cpu_limit_cores=None), "seen": seen(throttled_ratio=0.5)}, id="no CPU limit"),
    pytest.param({"seen": seen(blocking=(replace(BLOCKING[0], blocked_seconds=60.0),))}, id="a minute in two hours"),
    pytest.param({"pods": ended("Error", seconds_ago=4000)}, id="a restart long ago"),
    pytest.param({"replicas": 2, "disruption_budgets": (budget(disruptions_allowed=0, healthy_pods=1),)}, id="one ill"),
    pytest.param({"database": database(pool=None, mentioned_by=None)}, id="no database"),
    pytest.param(
        {"database": database(max_connections=None), "tuning": on_a_database(connectionsPerPod=40)},
        id="four pods would exceed the database, and the operator stops at two",
    ),
    pytest.param(
        {"database": database(pool=None, mentioned_by=None), "tuning": on_a_database(connectionsPerPod=1)},
        id="a budget for a pool that nobody knows",
    ),
    pytest.param({"tuning": tuning(mode="Off", threadPool={"max": 60}), "thread_pool_variable": "60"}, id="mode Off"),
    pytest.param(
        {"autoscalers": HPA, "tuning": tuning(replicas={"mode": "Off"}), "database": database(max_connections=480)},
        id="an autoscaler that was given the replicas",
    ),
    pytest.param(
        {"rollout": Rollout(recreates=False, max_unavailable_pods=1, max_unavailable="25%"), "replicas": 4},
        id="a quarter of the pods",
    ),
]


@pytest.mark.parametrize("changes", HARMLESS)
def test_what_only_looks_like_a_fault_is_let_pass(changes: dict[str, Any]) -> None:
    assert found(**changes) == {}
