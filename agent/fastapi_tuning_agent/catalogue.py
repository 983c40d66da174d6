"""Every metric of the agent: its name, its type, and how the values of several loops or workers become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Dict, NamedTuple, Tuple  # noqa: UP035 - these are evaluated, and Python 3.9 runs this

Labels = Tuple[Tuple[str, str], ...]  # noqa: UP006
Snapshot = Dict[str, Dict[Labels, float]]  # noqa: UP006
"""Values by metric and labels. A histogram has a value for each bucket, not cumulated, with `le` as its last label, and
the sum without that label."""

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


class Metric(NamedTuple):
    kind: str
    help: str
    merged: Callable[[Iterable[float]], float] = sum


CATALOGUE: dict[str, Metric] = {
    f"fastapi_tuning_{name}": metric
    for name, metric in {
        "agent_info": Metric(GAUGE, "Always 1; the labels tell versions, empty where a package is missing", max),
        "server_info": Metric(GAUGE, "Always 1; the labels tell uvicorn's event loop and HTTP parser", max),
        "agent_settings_generation": Metric(GAUGE, "Generation of the settings in force in every worker; 0: none", min),
        "agent_settings_applied_timestamp_seconds": Metric(
            GAUGE, "When the last worker came to run with the settings in force, as Unix time; absent: none", max
        ),
        "agent_settings_errors_total": Metric(COUNTER, "Settings that could not be used, by any worker"),
        "workers": Metric(GAUGE, "Worker processes of this pod that report here"),
        "workers_asked": Metric(GAUGE, "Workers that the command line or the environment asks for", max),
        "draining": Metric(GAUGE, "1 while the process drains because of its maximum of requests", max),
        "requests_started_total": Metric(
            COUNTER, "Requests that arrived, counted before the app handles them, without probes and scrapes"
        ),
        "requests_shed_total": Metric(COUNTER, "Requests answered with 503 before they reached the app, by rule"),
        "requests_in_flight": Metric(GAUGE, "Requests that arrived and are not answered yet"),
        "request_duration_seconds": Metric(
            HISTOGRAM,
            "From a request's arrival to the end of its answer, by class of status; `shed` never reached the app",
        ),
        "in_flight_limit": Metric(GAUGE, "Requests in flight from which on the next is shed"),
        "loop_lag_limit_seconds": Metric(GAUGE, "Lag of the event loop from which on requests are shed", max),
        "thread_pool_limit": Metric(GAUGE, "Threads that may run `def` endpoints: the value in force"),
        "thread_pool_busy": Metric(GAUGE, "Threads in use"),
        "thread_pool_waiting": Metric(GAUGE, "Calls waiting for a thread"),
        "thread_pool_busy_seconds_total": Metric(COUNTER, "Integral of busy threads over time"),
        "thread_pool_calls_total": Metric(COUNTER, "Calls that gave their thread back"),
        "thread_pool_wait_seconds": Metric(HISTOGRAM, "How long calls waited for their thread"),
        "executor_limit": Metric(GAUGE, "Threads that the event loop's default executor may use"),
        "executor_busy": Metric(GAUGE, "Its threads in use"),
        "executor_waiting": Metric(GAUGE, "Calls waiting for one of its threads"),
        "executor_busy_seconds_total": Metric(COUNTER, "Integral of its busy threads over time"),
        "executor_calls_total": Metric(COUNTER, "Calls that gave their thread back to it"),
        "executor_wait_seconds": Metric(HISTOGRAM, "How long calls waited for one of its threads"),
        "loop_lag_seconds": Metric(HISTOGRAM, "How late a timer of the event loop fired, twenty times a second"),
        "loop_cpu_seconds_total": Metric(COUNTER, "CPU time of the event loop's thread"),
        "loop_cpu_ratio": Metric(GAUGE, "Share of the last half second that it computed; at 1 the loop is full", max),
        "loop_blocked_seconds_total": Metric(COUNTER, "Time for which the event loop was blocked, by the worst places"),
        "connections": Metric(GAUGE, "Open connections, the idle ones among them"),
        "server_answers_total": Metric(COUNTER, "Answers of the server, its own 503 and those to probes among them"),
        "limit_concurrency": Metric(GAUGE, "uvicorn's limit on connections; absent: none", max),
        "timeout_keep_alive_seconds": Metric(GAUGE, "How long uvicorn keeps an idle connection", max),
        "database_pool_connections_max": Metric(
            GAUGE, "Connections that SQLAlchemy's pools may open; absent: no limit"
        ),
        "database_pool_connections_in_use": Metric(GAUGE, "Connections of these pools that are in use"),
        "database_pool_waiting": Metric(GAUGE, "Requests that wait for one of these connections"),
        "database_pool_wait_seconds_total": Metric(COUNTER, "Time that was spent waiting for these connections"),
        "outbound_calls_total": Metric(COUNTER, "Calls to others that have ended"),
        "outbound_seconds_total": Metric(COUNTER, "Time that calls to others took, those that go on counted until now"),
        "outbound_in_flight": Metric(GAUGE, "Calls to others that have not ended"),
        "process_cpu_seconds_total": Metric(COUNTER, "CPU time of the worker processes"),
        "process_resident_memory_bytes": Metric(GAUGE, "Memory of the worker processes"),
    }.items()
}
