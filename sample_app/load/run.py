"""One run: a profile offered to one URL, shown as metrics while it runs and summed up by phase at its end."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from yarl import URL

from sample_app.load.arrivals import Arrival, arrivals
from sample_app.load.destination import DestinationError, resolve
from sample_app.load.http_request import getter
from sample_app.load.metrics import LoadMetrics, served
from sample_app.load.open_loop import offer
from sample_app.load.profile import Profile
from sample_app.load.tally import Outcome, Summary, Tally

MAX_IN_FLIGHT = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send where, and how to judge it."""

    url: URL
    profile: Profile
    timeout_seconds: float
    objective_seconds: float
    seed: int
    metrics_port: int
    linger_seconds: float
    kept_connections: int = 0
    """0: each request opens its own."""


class _Record:
    """Hands each event to the tally of its phase and to the metrics."""

    def __init__(self, profile: Profile, metrics: LoadMetrics) -> None:
        self.tallies = [Tally() for _ in profile.phases]
        self._metrics = metrics

    def offered(self, arrival: Arrival, lag_seconds: float) -> None:
        self.tallies[arrival.phase].offered(lag_seconds)
        self._metrics.offered()

    def finished(self, arrival: Arrival, outcome: Outcome, latency_seconds: float) -> None:
        self.tallies[arrival.phase].finished(outcome, latency_seconds)
        self._metrics.finished(outcome, latency_seconds)


async def run(plan: Plan, stop: asyncio.Event, show: Callable[[Summary], None]) -> None:
    """Offers the load until the profile ends or `stop` is set, shows each phase, and lingers for the last scrape.

    Raises DestinationError for an address that load must not go to, OSError when the metrics port is taken.
    """
    if plan.url.host is None:
        raise DestinationError(f"{plan.url} names no host")
    addresses = resolve(plan.url.host)
    started = time.monotonic()
    metrics = LoadMetrics(
        timeout_seconds=plan.timeout_seconds,
        rate_now=lambda: plan.profile.rate_at(time.monotonic() - started),
    )
    record = _Record(plan.profile, metrics)
    with served(metrics, plan.metrics_port):
        async with getter(
            str(plan.url), addresses, plan.timeout_seconds, kept_connections=plan.kept_connections
        ) as get:
            due = arrivals(plan.profile, Random(plan.seed))
            await offer(due, get, record, max_in_flight=MAX_IN_FLIGHT, stop=stop)
        for phase, tally in zip(plan.profile.phases, record.tallies, strict=True):
            show(tally.summary(str(phase), plan.objective_seconds))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), plan.linger_seconds)
