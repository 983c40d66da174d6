"""What there is to tell, as snapshots: of a loop, of an app's traffic, of the process. Reads only, in any thread."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fastapi_tuning_agent.accounts import Accounts
from fastapi_tuning_agent.catalogue import Labels, Snapshot
from fastapi_tuning_agent.connection_pools import ConnectionPools
from fastapi_tuning_agent.histogram import Histogram
from fastapi_tuning_agent.launch import agent_labels, asked_workers, loop_labels
from fastapi_tuning_agent.loop_agent import LoopAgent
from fastapi_tuning_agent.traffic import Traffic

if TYPE_CHECKING:
    from fastapi_tuning_agent.executor import ResizableExecutor
    from fastapi_tuning_agent.thread_pool import ThreadPool
    from fastapi_tuning_agent.uvicorn_server import UvicornServer


def of_loop(agent: LoopAgent) -> Snapshot:
    told = _values(
        agent_settings_generation=agent.generation,
        agent_settings_applied_timestamp_seconds=agent.applied_at,
        loop_cpu_ratio=agent.cpu_ratio,
        loop_cpu_seconds_total=agent.cpu_seconds,
        connections=sum(server.connections for server in agent.servers) if agent.servers else None,
        server_answers_total=sum(server.answers for server in agent.servers) if agent.servers else None,
    )
    for server in agent.servers:
        limits = server.limits
        told["fastapi_tuning_server_info"] = {loop_labels(agent.loop, server): 1.0}
        told.update(
            _values(
                limit_concurrency=limits.get("limit_concurrency"),
                timeout_keep_alive_seconds=limits.get("timeout_keep_alive"),
            )
        )
    told["fastapi_tuning_loop_lag_seconds"] = _histogram(agent.heartbeat.lags)
    told["fastapi_tuning_loop_blocked_seconds_total"] = {
        (("where", place),): seconds for place, seconds in agent.offenders.seconds().items()
    }
    if agent.thread_pool is not None:
        told.update(_pool("thread_pool", agent.thread_pool))
    if agent.executor is not None:
        told.update(_pool("executor", agent.executor))
    return told


def of_traffic(traffic: Traffic) -> Snapshot:
    return {
        **_values(
            requests_started_total=traffic.started,
            requests_in_flight=traffic.in_flight,
            in_flight_limit=traffic.in_flight_limit,
            loop_lag_limit_seconds=traffic.lag_limit_seconds,
            draining=int(traffic.draining),
        ),
        "fastapi_tuning_requests_shed_total": {(("reason", reason),): n for reason, n in traffic.shed.items()},
        "fastapi_tuning_request_duration_seconds": {
            labels: value
            for outcome, histogram in traffic.shown_durations()
            for labels, value in _histogram(histogram, ("outcome", outcome)).items()
        },
    }


def of_process(servers: Sequence[UvicornServer], settings_errors: int) -> Snapshot:
    workers = asked_workers(servers)
    return {
        "fastapi_tuning_agent_info": {agent_labels(workers): 1.0},
        **_values(
            workers=1,
            workers_asked=workers,
            agent_settings_errors_total=settings_errors,
            process_cpu_seconds_total=time.process_time(),
            process_resident_memory_bytes=_resident_memory_bytes(),
        ),
    }


def of_outbound(accounts: Accounts) -> Snapshot:
    told: Snapshot = {}
    for (kind, peer), account in accounts.items():
        read, labels = account.read(), (("kind", kind), ("peer", peer))
        told.setdefault("fastapi_tuning_outbound_calls_total", {}).update(
            {(*labels, ("outcome", "ok")): float(read.succeeded), (*labels, ("outcome", "error")): float(read.failed)}
        )
        told.setdefault("fastapi_tuning_outbound_seconds_total", {})[labels] = read.seconds
        told.setdefault("fastapi_tuning_outbound_in_flight", {})[labels] = float(read.under_way)
    return told


def of_connection_pools(pools: ConnectionPools) -> Snapshot:
    told: Snapshot = {}
    for peer, read in pools.read().items():
        values = {
            "connections_max": read.limit,
            "connections_in_use": read.in_use,
            "waiting": read.waits.under_way,
            "wait_seconds_total": read.waits.seconds,
        }
        for name, value in values.items():
            if value is not None:
                told.setdefault(f"fastapi_tuning_database_pool_{name}", {})[(("peer", peer),)] = float(value)
    return told


def _pool(name: str, pool: ThreadPool | ResizableExecutor) -> Snapshot:
    counted = pool.busy_time
    told = _prefixed(name, {"limit": pool.limit, "busy": pool.busy, "waiting": pool.waiting})
    if counted is not None:
        told.update(_prefixed(name, {"busy_seconds_total": counted.busy_seconds(), "calls_total": counted.calls()}))
        told[f"fastapi_tuning_{name}_wait_seconds"] = _histogram(pool.waits)
    return told


def _prefixed(prefix: str, values: Mapping[str, float]) -> Snapshot:
    return _values(**{f"{prefix}_{name}": value for name, value in values.items()})


def _values(**values: float | None) -> Snapshot:
    """What is unknown is left out: it is not zero."""
    return {f"fastapi_tuning_{name}": {(): float(value)} for name, value in values.items() if value is not None}


def _histogram(histogram: Histogram, *labels: tuple[str, str]) -> dict[Labels, float]:
    edges, counts = histogram.buckets
    told = {(*labels, ("le", repr(edge))): float(count) for edge, count in zip([*edges, float("inf")], counts)}
    return {labels: histogram.sum_seconds, **told}


def _resident_memory_bytes() -> int | None:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
