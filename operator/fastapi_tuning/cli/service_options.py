"""The options that describe a simulated service, the same for all verbs that simulate one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

_OPTIONS = (
    click.option(
        "--service-time",
        default="250ms",
        show_default=True,
        help="How long a request waits: 250ms, exponential:50ms, lognormal:50ms:0.5 (median, sigma), pareto:20ms:1.5.",
    ),
    click.option("--cpu-time", default="0ms", show_default=True, help="CPU of the endpoint per request."),
    click.option("--framework-cpu-time", default="0.2ms", show_default=True, help="CPU of the event loop per request."),
    click.option("--async", "in_loop", is_flag=True, help="The endpoint is `async def`: it waits without a thread."),
    click.option("--tokens", default=1, show_default=True, type=click.IntRange(1, 20), help="Threads taken in turn."),
    click.option("--query-time", help="How long the database works on a request; without it there is no database."),
    click.option(
        "--database-servers", default=20, show_default=True, type=click.IntRange(1), help="Queries at a time."
    ),
    click.option("--database-pool", default=15, show_default=True, type=click.IntRange(1), help="Connections per pod."),
    click.option("--startup-time", default="10s", show_default=True, help="From creation of a pod until it is ready."),
    click.option("--connections", default=200, show_default=True, type=click.IntRange(1), help="Of all clients."),
    click.option("--cpu-limit", default=1.0, show_default=True, type=click.FloatRange(0.05, 1.0), help="Cores a pod."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """As they were written."""

    service_time: str
    cpu_time: str
    framework_cpu_time: str
    in_loop: bool
    tokens: int
    query_time: str | None
    database_servers: int
    database_pool: int
    startup_time: str
    connections: int
    cpu_limit: float


def service_options(command: Callable[..., None]) -> Callable[..., None]:
    """Decorator: adds the options and hands them to the command as `service`."""

    @wraps(command)
    def with_service(**arguments: Any) -> None:
        service = ServiceOptions(**{name: arguments.pop(name) for name in ServiceOptions.__dataclass_fields__})
        command(service=service, **arguments)

    decorated: Callable[..., None] = with_service
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
