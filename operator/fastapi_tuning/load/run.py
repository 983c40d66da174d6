"""One run: a profile offered to one URL, shown as metrics while it runs and summed up by phase at its end."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from yarl import URL

from fastapi_tuning.load.arrivals import Arrival, arrivals
from fastapi_tuning.load.brake import BadCount, Brake
from fastapi_tuning.load.destination import DestinationError, resolve
from fastapi_tuning.load.http_request import getter
from fastapi_tuning.load.metrics import LoadMetrics, served
from fastapi_tuning.load.open_loop import offer
from fastapi_tuning.load.profile import Profile
from fastapi_tuning.load.tally import Outcome, Summary, Tally

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
    brake: Brake
    kept_connections: int = 0
    """0: each request opens its own."""


class _Record:
    """Hands each event to the tally of its phase and to the metrics, and stops the run when the brake says so."""

    def __init__(self, plan: Plan, metrics: LoadMetrics, stop: asyncio.Event) -> None:
        self._plan = plan
        self._metrics = metrics
        self._stop = stop
        self._tallies = [Tally() for _ in plan.profile.phases]
        self._bad = BadCount()

    def offered(self, arrival: Arrival, lag_seconds: float) -> None:
        self._tallies[arrival.phase].offered(lag_seconds)
        self._metrics.offered()

    def finished(self, arrival: Arrival, outcome: Outcome, latency_seconds: float) -> None:
        self._tallies[arrival.phase].finished(outcome, latency_seconds)
        self._metrics.finished(outcome, latency_seconds)
        if outcome is Outcome.OK:
            now = self._plan.profile.phase_at(arrival.at_seconds + latency_seconds)
            if now is not None:
                self._tallies[now].answered()
        in_time = outcome is Outcome.OK and latency_seconds <= self._plan.objective_seconds
        self._bad = self._bad.with_one_more(bad=not in_time)
        if self._plan.brake.stops(self._bad):
            self._stop.set()

    def summaries(self, elapsed_seconds: float) -> Iterator[Summary]:
        """One a phase that began before the load ended after `elapsed_seconds`."""
        start = 0.0
        for phase, tally in zip(self._plan.profile.phases, self._tallies, strict=True):
            offered_seconds = min(phase.duration_seconds, elapsed_seconds - start)
            if offered_seconds <= 0:
                return
            yield tally.summary(
                str(phase),
                objective_seconds=self._plan.objective_seconds,
                seconds=offered_seconds,
                cut_short=offered_seconds < phase.duration_seconds,
            )
            start += phase.duration_seconds


async def run(plan: Plan, stop: asyncio.Event, show: Callable[[Summary], None]) -> None:
    """Offers the load until the profile ends or `stop` is set, shows each phase, and lingers for the last scrape.

    The brake sets `stop` too.

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
    record = _Record(plan, metrics, stop)
    with served(metrics, plan.metrics_port):
        async with getter(
            str(plan.url), addresses, plan.timeout_seconds, kept_connections=plan.kept_connections
        ) as get:
            due = arrivals(plan.profile, Random(plan.seed))
            elapsed_seconds = await offer(due, get, record, max_in_flight=MAX_IN_FLIGHT, stop=stop)
        for summary in record.summaries(elapsed_seconds):
            show(summary)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), plan.linger_seconds)
