"""The load as Prometheus sees it while it runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from fastapi_tuning.load.tally import Outcome

BUCKETS_SECONDS = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0),
)


class LoadMetrics:
    """Counters of offered and finished requests, and the histogram of their durations."""

    def __init__(self, *, timeout_seconds: float, rate_now: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        self._timeout_seconds = timeout_seconds
        self._offered = Counter(
            "loadgen_offered_requests", "Requests that were due, sent or not", registry=self.registry
        )
        self._finished = Counter(
            "loadgen_requests", "Requests by what came of them", ["outcome"], registry=self.registry
        )
        self._duration = Histogram(
            "loadgen_request_duration_seconds",
            "Time from the scheduled start to the end of the answer; a failed request counts as the timeout",
            buckets=BUCKETS_SECONDS,
            registry=self.registry,
        )
        Gauge(
            "loadgen_offered_rate", "Requests per second that the profile asks for now", registry=self.registry
        ).set_function(rate_now)
        for outcome in Outcome:
            self._finished.labels(outcome)

    def offered(self) -> None:
        self._offered.inc()

    def finished(self, outcome: Outcome, latency_seconds: float) -> None:
        self._finished.labels(outcome).inc()
        # A connection refused at once must not look like a fast answer.
        counted = latency_seconds if outcome is Outcome.OK else max(latency_seconds, self._timeout_seconds)
        self._duration.observe(counted)


@contextmanager
def served(metrics: LoadMetrics, port: int) -> Iterator[None]:
    """Serves the metrics on `port` of every address. Raises OSError when the port is taken."""
    server, thread = start_http_server(port, registry=metrics.registry)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
