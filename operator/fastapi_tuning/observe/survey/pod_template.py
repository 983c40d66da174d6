"""A Deployment's manifest → what an audit looks at in it. Pure; the API server vouches for the types of the fields."""

import re
from collections.abc import Mapping

from fastapi_tuning.api_server import Json
from fastapi_tuning.audit.facts import Database, DatabasePool, Probe, Probes, Resources, Rollout, Setting, Shutdown
from fastapi_tuning.observe.command_line import Environment
from fastapi_tuning.observe.quantity import quantity_of
from fastapi_tuning.observe.workloads import HTTP_PORT_NAMES

_GRACE_PERIOD_SECONDS = 30
_HANDLERS = ("httpGet", "tcpSocket", "grpc", "exec")
_DATABASE = "(?:DATABASE|DB|SQLALCHEMY|POSTGRES|POSTGRESQL|PG|MYSQL)"
_POOL_SIZE = re.compile(rf"(?:.*_)?{_DATABASE}_(?:.*_)?POOL_(?:MAX_)?SIZE")
_OVERFLOW = re.compile(rf"(?:.*_)?{_DATABASE}_(?:.*_)?MAX_OVERFLOW")
_ADDRESS = re.compile(rf"(?:.*_)?{_DATABASE}_?(?:.*_)?(?:URL|URI|DSN|HOST|POOL_SIZE)")
_COUNT = re.compile("[0-9]{1,6}", re.ASCII)


def port_of(container: Json) -> str:
    """The port that is called so, or the first, or uvicorn's own."""
    ports = container.get("ports") or ()
    named = [port for port in ports if port.get("name") in HTTP_PORT_NAMES]
    return next((str(port.get("name") or port.get("containerPort")) for port in (*named, *ports)), "8000")


def probes_of(container: Json) -> Probes:
    return Probes(
        liveness=_probe(container.get("livenessProbe")),
        readiness=_probe(container.get("readinessProbe")),
        startup=_probe(container.get("startupProbe")),
    )


def _probe(body: Json | None) -> Probe | None:
    handler = next((name for name in _HANDLERS if (body or {}).get(name) is not None), None)
    if body is None or handler is None:
        return None
    path = (body[handler].get("path") or "/") if handler == "httpGet" else None
    return Probe(
        handler=handler,
        endpoint=_endpoint(handler, body[handler]),
        path=path,
        timeout_seconds=body.get("timeoutSeconds") or 1,
        period_seconds=body.get("periodSeconds") or 10,
        failure_threshold=body.get("failureThreshold") or 3,
        initial_delay_seconds=body.get("initialDelaySeconds") or 0,
    )


def _endpoint(handler: str, body: Json) -> str:
    if handler == "exec":
        return " ".join(body.get("command") or ())
    return f"{body.get('port', '')}{(body.get('path') or '/') if handler == 'httpGet' else ''}"


def resources_of(container: Json) -> Resources:
    # Kubernetes requests what is limited, unless told otherwise.
    cpu_limit, memory_limit = quantity_of(container, "limits", "cpu"), quantity_of(container, "limits", "memory")
    return Resources(
        cpu_request_cores=quantity_of(container, "requests", "cpu") or cpu_limit,
        cpu_limit_cores=cpu_limit,
        memory_request_bytes=quantity_of(container, "requests", "memory") or memory_limit,
        memory_limit_bytes=memory_limit,
    )


def shutdown_of(pod_spec: Json, container: Json) -> Shutdown:
    handler: Json = (container.get("lifecycle") or {}).get("preStop") or {}
    kind = next((name for name in ("sleep", "exec", "httpGet") if handler.get(name) is not None), None)
    grace_period = pod_spec.get("terminationGracePeriodSeconds")
    return Shutdown(
        grace_period_seconds=_GRACE_PERIOD_SECONDS if grace_period is None else grace_period,
        pre_stop=kind,
        pre_stop_seconds=_slept(handler),
    )


def _slept(handler: Json) -> int | None:
    """Of `sleep`, and of a command that is `sleep N` or ends in it."""
    if handler.get("sleep") is not None:
        return int(handler["sleep"].get("seconds") or 0)
    command = " ".join((handler.get("exec") or {}).get("command") or ())
    found = re.search(r"(?:^|[\s/;])sleep\s+([0-9]{1,4})\s*$", command)
    return None if found is None else int(found[1])


def rollout_of(spec: Json, replicas: int) -> Rollout:
    strategy: Json = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return Rollout(recreates=True, max_unavailable_pods=0, max_unavailable="")
    written = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", "25%")
    return Rollout(recreates=False, max_unavailable_pods=_rounded_down(written, replicas), max_unavailable=str(written))


def _rounded_down(written: int | str, replicas: int) -> int:
    """A count, or a share of the replicas, rounded down as Kubernetes does it."""
    percent = re.fullmatch("([0-9]{1,3})%", str(written))
    if percent is not None:
        return int(percent[1]) * replicas // 100
    return int(written) if _COUNT.fullmatch(str(written)) else 0


def database_of(environment: Environment, max_connections: int | None) -> Database:
    """By the names that variables of database pools usually have."""
    values = environment.values
    size = _numbered(values, _POOL_SIZE)
    pool = None if size is None else DatabasePool(size=size, overflow=_numbered(values, _OVERFLOW))
    mentioned = next((name for name in values if _ADDRESS.fullmatch(name.upper())), None)
    return Database(pool=pool, mentioned_by=mentioned, max_connections=max_connections)


def _numbered(values: Mapping[str, str | None], pattern: re.Pattern[str]) -> Setting | None:
    """The first variable of such a name with a number in it."""
    for name, value in values.items():
        if pattern.fullmatch(name.upper()) and value is not None and _COUNT.fullmatch(value):
            return Setting(value=int(value), origin=f"{name}={value}")
    return None
