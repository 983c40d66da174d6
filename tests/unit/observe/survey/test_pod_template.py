"""What a Deployment's manifest says to an audit."""

from typing import Any

import pytest

from fastapi_tuning.observe.command_line import environment_of
from fastapi_tuning.observe.survey.pod_template import (
    database_of,
    port_of,
    probes_of,
    resources_of,
    rollout_of,
    shutdown_of,
)


def test_a_probe_has_the_defaults_of_kubernetes() -> None:
    probes = probes_of({"livenessProbe": {"httpGet": {"port": "http"}}})
    assert probes.liveness is not None
    assert probes.readiness is None
    assert (probes.liveness.path, probes.liveness.endpoint) == ("/", "http/")
    assert (probes.liveness.timeout_seconds, probes.liveness.patience_seconds) == (1, 30)


@pytest.mark.parametrize(
    ("handler", "endpoint"),
    [
        ({"tcpSocket": {"port": 8000}}, "8000"),
        ({"grpc": {"port": 9000}}, "9000"),
        ({"exec": {"command": ["curl", "localhost"]}}, "curl localhost"),
    ],
)
def test_a_probe_without_a_path_has_an_endpoint(handler: dict[str, Any], endpoint: str) -> None:
    probe = probes_of({"readinessProbe": handler}).readiness
    assert probe is not None
    assert (probe.path, probe.endpoint) == (None, endpoint)


def test_quantities_become_cores_and_bytes() -> None:
    resources = resources_of({"resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "2", "memory": "1Gi"}}})
    assert (resources.cpu_request_cores, resources.cpu_limit_cores) == (0.25, 2.0)
    assert (resources.memory_request_bytes, resources.memory_limit_bytes) == (2**30, 2**30)


def test_what_is_limited_is_requested() -> None:
    resources = resources_of({"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}})
    assert (resources.cpu_request_cores, resources.memory_request_bytes) == (2.0, 2**30)


@pytest.mark.parametrize("text", ["0", "much", "-1", "1e999"])
def test_a_quantity_that_limits_nothing_is_none(text: str) -> None:
    assert resources_of({"resources": {"limits": {"cpu": text}}}).cpu_limit_cores is None


@pytest.mark.parametrize(
    ("handler", "kind", "seconds"),
    [
        ({}, None, None),
        ({"sleep": {"seconds": 5}}, "sleep", 5),
        ({"exec": {"command": ["sleep", "7"]}}, "exec", 7),
        ({"exec": {"command": ["sh", "-c", "nginx -s quit; sleep 10"]}}, "exec", 10),
        ({"exec": {"command": ["/drain.sh"]}}, "exec", None),
        ({"httpGet": {"port": 8000}}, "httpGet", None),
    ],
)
def test_what_pre_stop_waits_is_read_where_it_can_be(
    handler: dict[str, Any], kind: str | None, seconds: int | None
) -> None:
    shutdown = shutdown_of({}, {"lifecycle": {"preStop": handler}})
    assert (shutdown.pre_stop, shutdown.pre_stop_seconds, shutdown.grace_period_seconds) == (kind, seconds, 30)


@pytest.mark.parametrize(
    ("written", "replicas", "pods"), [("25%", 2, 0), ("25%", 4, 1), ("50%", 3, 1), (1, 2, 1), ("0%", 9, 0)]
)
def test_a_share_of_the_pods_is_rounded_down(written: str | int, replicas: int, pods: int) -> None:
    rollout = rollout_of({"strategy": {"rollingUpdate": {"maxUnavailable": written}}}, replicas)
    assert rollout.max_unavailable_pods == pods


def test_without_a_strategy_a_quarter_may_be_missing() -> None:
    assert rollout_of({}, 8).max_unavailable_pods == 2
    assert rollout_of({"strategy": {"type": "Recreate"}}, 8).recreates


def environment(**values: str) -> Any:
    return environment_of({"env": [{"name": name, "value": value} for name, value in values.items()]})


@pytest.mark.parametrize(
    ("values", "most", "mentioned"),
    [
        ({"DB_POOL_SIZE": "10", "DB_MAX_OVERFLOW": "20"}, 30, "DB_POOL_SIZE"),
        ({"SHOP_DATABASE_POOL_SIZE": "5"}, 5, "SHOP_DATABASE_POOL_SIZE"),
        ({"DATABASE_URL": "postgresql://", "SQLALCHEMY_POOL_SIZE": "3"}, 3, "DATABASE_URL"),
        ({"DATABASE_POOL_MAX_SIZE": "8"}, 8, None),
        ({"DATABASE_URL": "postgresql://"}, None, "DATABASE_URL"),
        ({"DB_POOL_SIZE": "many"}, None, "DB_POOL_SIZE"),
        ({"THREAD_POOL_SIZE": "80", "REDIS_POOL_SIZE": "9"}, None, None),
    ],
)
def test_the_pool_of_a_database_is_known_by_the_names_of_variables(
    values: dict[str, str], most: int | None, mentioned: str | None
) -> None:
    database = database_of(environment(**values), None)
    assert (database.pool and database.pool.most, database.mentioned_by) == (most, mentioned)


@pytest.mark.parametrize(
    ("ports", "port"),
    [
        ([], "8000"),
        ([{"containerPort": 9000}], "9000"),
        ([{"containerPort": 9000}, {"name": "http", "containerPort": 8080}], "http"),
    ],
)
def test_a_probe_to_copy_names_the_port_of_the_app(ports: list[dict[str, Any]], port: str) -> None:
    assert port_of({"ports": ports}) == port
