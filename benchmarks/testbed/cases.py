"""The services of the test bed: what is broken in each, and the load under which it shows. Pure.

Each is in namespace and pods of its own, with the knobs left alone (mode Recommend, which still puts the agent in with
strategy Live), so that what is broken stays so while the operator looks at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fastapi_tuning.api.status import LimitingFactor

Json = dict[str, Any]
PATH = "/work"
INTERVAL_SECONDS = 15
"""Between two cycles; the default of the API."""
WINDOW_SECONDS = 30
"""The least that the API allows."""
OBJECTIVE_MILLISECONDS = 500
WATCHED_SECONDS = 75
"""From the fault on: five cycles."""
HEALTHY = LimitingFactor.NONE
"""The factor where nothing is wrong."""


class Backend(StrEnum):
    """What a service needs beside itself."""

    POSTGRES = "PostgreSQL"
    UPSTREAM = "the slow service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One broken service. Seconds count from the beginning of its load."""

    name: str
    """Of the module in sample_app.broken, unless `module` says another."""
    broken: str
    """For the table."""
    factors: tuple[LimitingFactor, ...]
    """What has to be named; of two causes one is the factor and the other the runner-up."""
    loaded_per_second: float
    quiet_per_second: float = 4
    quiet_seconds: int = 25
    """With little load, or the service as it was before the fault: what `fault` comes after."""
    scale_to: int | None = None
    """Pods from the fault on; before it there is one."""
    kept_connections: int = 0
    """That the clients share; 0: a new one for each request."""
    module: str = ""
    backend: Backend | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: str = "512Mi"
    alone: bool = False
    """Takes so much CPU that nothing else should run meanwhile."""

    @property
    def command(self) -> list[str]:
        return [
            *("/venv/bin/uvicorn", f"sample_app.broken.{self.module or self.name}:app"),
            *("--host=0.0.0.0", "--port=8000"),
        ]

    @property
    def profile(self) -> str:
        """As fastapi_tuning.load reads it."""
        return f"{self.quiet_seconds}s@{self.quiet_per_second:g},{WATCHED_SECONDS}s@{self.loaded_per_second:g}"


CASES = (
    Case(
        name="healthy",
        broken="nothing: 50 ms of waiting, 40 requests/s",
        factors=(HEALTHY,),
        loaded_per_second=40,
    ),
    Case(
        name="thread_pool",
        broken="`def` endpoint of 300 ms, 150 requests/s on 40 threads",
        factors=(LimitingFactor.THREAD_POOL,),
        loaded_per_second=150,
        alone=True,
    ),
    Case(
        name="cpu",
        broken="computes 20 ms a request, 50 requests/s on one core",
        factors=(LimitingFactor.CPU,),
        loaded_per_second=50,
        alone=True,
    ),
    Case(
        name="event_loop",
        broken="`time.sleep(0.2)` in `async def`, 4.5 requests/s",
        factors=(LimitingFactor.EVENT_LOOP_BLOCKED,),
        loaded_per_second=4.5,
        quiet_per_second=0.5,
    ),
    Case(
        name="database_pool",
        broken="two connections, each kept for 100 ms, to a fast database; 26 requests/s",
        factors=(LimitingFactor.DATABASE_POOL,),
        loaded_per_second=26,
        backend=Backend.POSTGRES,
        environment={"SAMPLE_DATABASE_POOL_SIZE": "2", "SAMPLE_DATABASE_MAX_OVERFLOW": "0"},
    ),
    Case(
        name="database",
        broken="four hot rows that a request locks for 100 ms, 50 requests/s",
        factors=(LimitingFactor.DATABASE,),
        loaded_per_second=50,
        backend=Backend.POSTGRES,
    ),
    Case(
        name="external_api",
        broken="waits for a service that takes 800 ms, 20 requests/s",
        factors=(LimitingFactor.EXTERNAL_API,),
        loaded_per_second=20,
        backend=Backend.UPSTREAM,
    ),
    Case(
        name="memory",
        broken="a cache without bounds fills 95 % of the container's memory",
        factors=(LimitingFactor.MEMORY,),
        loaded_per_second=20,
        memory="256Mi",
    ),
    Case(
        name="imbalance",
        module="thread_pool",
        broken="a hundred kept connections, all to one of three pods; 140 requests/s",
        factors=(LimitingFactor.IMBALANCE,),
        quiet_per_second=160,  # so that all connections are open before there is another pod
        quiet_seconds=15,
        loaded_per_second=140,  # and none is given up for the time that its request takes
        scale_to=3,
        kept_connections=100,
        alone=True,
    ),
    Case(
        name="cold_pods",
        broken="two new pods beside a warm one; 1.2 s a request in their first minute",
        factors=(LimitingFactor.COLD_PODS,),
        quiet_per_second=24,
        loaded_per_second=24,
        quiet_seconds=70,
        scale_to=3,
    ),
    Case(
        name="application_errors",
        broken="every twentieth answer is a 500, 40 requests/s",
        factors=(LimitingFactor.APPLICATION_ERRORS,),
        loaded_per_second=40,
    ),
    Case(
        name="two_causes",
        broken="as thread_pool and application_errors at once",
        factors=(LimitingFactor.THREAD_POOL, LimitingFactor.APPLICATION_ERRORS),
        loaded_per_second=150,
        alone=True,
    ),
)
