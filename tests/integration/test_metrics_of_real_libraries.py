"""The presets against the libraries they are named after: real apps, a real Prometheus, the operator's own reader.

All apps are driven at the same time and read at the same moment, since the shortest window takes half a minute. Not
covered: an app that sends its metrics to an OpenTelemetry collector, whose settings decide on names and labels.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Metrics, MetricsSource
from fastapi_tuning.control.observation import NoData, NoTraffic, Signals, Traffic
from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe.metrics import MetricsTarget, read_signals
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint
from tests.integration.app_process import App, running_app
from tests.integration.conftest import eventually
from tests.integration.instrumented_apps import LATE_SECONDS
from tests.integration.open_loop import FAILED_RATIO, LATE_RATIO, Sent, send
from tests.integration.real_prometheus import PASSWORD, RunningPrometheus, running_prometheus

NAMESPACE = "shop"
WINDOW_SECONDS = 30
"""The shortest that the API allows."""
LOAD_SECONDS = WINDOW_SECONDS + 5.0
"""rate() cannot see the birth of a series, so the first seconds must lie before the window."""
GONE_SECONDS = 20.0
"""How long before the end one app is stopped: rates live on in the window, whose newer half has no sample."""
REQUESTS_PER_SECOND = 10.0
OBJECTIVE_SECONDS = 0.5

NEW_NAMES = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http"}
BOTH_NAMES = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup"}
LOADED: Mapping[str, tuple[str, dict[str, str]]] = {
    "instrumentator-1": ("instrumentator", {}),
    "starlette-1": ("starlette-exporter", {}),
    "opentelemetry-1": ("opentelemetry", NEW_NAMES),
    "legacy-1": ("opentelemetry", {}),
}
QUIET: Mapping[str, tuple[str, dict[str, str]]] = {
    "idle-1": ("instrumentator", {}),
    "unserved-1": ("starlette-exporter", {}),
    "quiet-1": ("opentelemetry", BOTH_NAMES),
    "unexcluded-1": ("instrumentator-as-it-comes", {}),
    "stopped-1": ("opentelemetry", NEW_NAMES),
    "copied-1": ("instrumentator", {}),
}
SOURCES = {
    "instrumentator-1": MetricsSource.FASTAPI_INSTRUMENTATOR,
    "starlette-1": MetricsSource.STARLETTE_EXPORTER,
    "opentelemetry-1": MetricsSource.OPENTELEMETRY,
    "legacy-1": MetricsSource.OPENTELEMETRY_LEGACY,
}


def custom(histogram: str, failed: str, pod: str) -> dict[str, Any]:
    """Queries as docs/metrics.md advises."""
    where = f'namespace="{NAMESPACE}", pod="{pod}"'
    requests = f"sum(rate({histogram}_count{{{where}}}[$window]))"
    failures = f"{failed.removesuffix('}')}, {where}}}"
    return {
        "source": "Custom",
        "custom": {
            "requestsPerSecond": requests,
            "fastRequestsPerSecond": f'sum(rate({histogram}_bucket{{{where}, le="$threshold"}}[$window]))',
            "failedRequestsPerSecond": f"sum(rate({failures}[$window])) or vector(0)",
            "averageLatencySeconds": f"sum(rate({histogram}_sum{{{where}}}[$window])) / {requests}",
        },
    }


BY_HANDLER = ("http_request_duration_seconds", 'http_requests_total{status="5xx"}')
BY_ROUTE = (
    "http_server_request_duration_seconds",
    'http_server_request_duration_seconds_count{http_response_status_code=~"5.."}',
)


def target(name: str, *pods: str, threshold_seconds: float = OBJECTIVE_SECONDS, **metrics: Any) -> MetricsTarget:
    return MetricsTarget(
        key=(NAMESPACE, name),
        pods=frozenset((NAMESPACE, pod) for pod in pods or (f"{name}-1",)),
        metrics=Metrics.model_validate({"windowSeconds": WINDOW_SECONDS, **metrics}),
        threshold_seconds=threshold_seconds,
    )


TARGETS = (
    *(target(pod.removesuffix("-1")) for pod in (*LOADED, *QUIET)),
    *(target(f"between-{pod}", pod, threshold_seconds=0.3) for pod in LOADED),
    target("below-all-edges", "legacy-1", threshold_seconds=0.003),
    target("two-libraries", "instrumentator-1", "starlette-1"),
    target("new-pod", "starlette-1", "unserved-1"),
    target("stopped-and-named", "stopped-1", source="OpenTelemetry"),
    target("half-stopped", "opentelemetry-1", "stopped-1"),
    target("elsewhere", "nobody-1"),
    target("custom", "instrumentator-1", **custom(*BY_HANDLER, "instrumentator-1")),
    target("custom-half-stopped", "instrumentator-1", "stopped-1", **custom(*BY_HANDLER, "instrumentator-1")),
    target("custom-stopped", "stopped-1", **custom(*BY_ROUTE, "stopped-1")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What the operator read under load, and when Prometheus was gone."""

    sent: Sent
    under_load: Mapping[tuple[str, str], Signals]
    without_password: str
    prometheus_gone: Mapping[tuple[str, str], Signals]

    def of(self, name: str) -> Signals:
        return self.under_load[NAMESPACE, name]

    def traffic_of(self, name: str) -> Traffic:
        signals = self.of(name)
        assert isinstance(signals, Traffic), signals
        return signals

    def reason_of(self, name: str) -> Reason:
        signals = self.of(name)
        assert isinstance(signals, NoData), signals
        return signals.reason


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Readings]:
    directory = tmp_path_factory.mktemp("libraries")
    with ExitStack() as stack:
        apps = {pod: stack.enter_context(running_app(directory, pod, *how)) for pod, how in {**LOADED, **QUIET}.items()}
        ports = {pod: app.port for pod, app in apps.items()}
        prometheus = stack.enter_context(running_prometheus(directory, ports, NAMESPACE, twice={"copied-1"}))
        client = PrometheusClient(PrometheusEndpoint(url=prometheus.url))
        eventually(lambda: _pods(client, "up == 1") == apps.keys(), "all apps are scraped", 60)
        sent = asyncio.run(_drive(apps))
        # The last request may have taken LATE_SECONDS: read where the load was still on.
        at = datetime.now(UTC) - timedelta(seconds=LATE_SECONDS + 0.5)
        under_load = read_signals(client, TARGETS, at)
        without_password = _refusal(prometheus, at)
        prometheus.stop()
        yield Readings(
            sent=sent,
            under_load=under_load,
            without_password=without_password,
            prometheus_gone=read_signals(client, TARGETS, at),
        )


def _pods(client: PrometheusClient, promql: str) -> set[str]:
    try:
        return {sample.labels["pod"] for sample in client.query(promql, datetime.now(UTC))}
    except MetricsUnavailable:
        return set()


async def _drive(apps: Mapping[str, App]) -> Sent:
    """One app is asked once and then left alone, one is stopped midway, those of LOADED are asked to the end."""
    await send([apps["quiet-1"].url], requests_per_second=1.0, seconds=1.0)
    urls = [apps[pod].url for pod in LOADED]
    load = asyncio.create_task(send(urls, requests_per_second=REQUESTS_PER_SECOND, seconds=LOAD_SECONDS))
    await send([apps["stopped-1"].url], requests_per_second=2.0, seconds=LOAD_SECONDS - GONE_SECONDS)
    apps["stopped-1"].process.terminate()
    return await load


def _refusal(prometheus: RunningPrometheus, at: datetime) -> str:
    (signals,) = read_signals(
        PrometheusClient(PrometheusEndpoint(url=f"http://{prometheus.address}")), [target("idle")], at
    ).values()
    assert isinstance(signals, NoData)
    assert signals.reason is Reason.PROMETHEUS_UNREACHABLE
    return signals.message


@pytest.fixture(params=LOADED)
def pod(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_apps_answered_the_mix_that_was_sent(readings: Readings) -> None:
    total = readings.sent.statuses.total()

    assert total == len(LOADED) * REQUESTS_PER_SECOND * LOAD_SECONDS
    assert readings.sent.statuses[500] == readings.sent.statuses[503] == total * FAILED_RATIO / 2


def test_auto_finds_the_library(readings: Readings, pod: str) -> None:
    assert readings.traffic_of(pod.removesuffix("-1")).source is SOURCES[pod]


def test_requests_are_counted_without_probes_and_scrapes(readings: Readings, pod: str) -> None:
    found = readings.traffic_of(pod.removesuffix("-1"))

    # Probes or scrapes, one a second each, would make it a tenth more.
    assert found.requests_per_second == pytest.approx(readings.sent.requests_per_second, rel=0.05)
    assert found.scraped_pods == 1


def test_late_and_failed_requests_have_their_shares(readings: Readings, pod: str) -> None:
    found = readings.traffic_of(pod.removesuffix("-1"))

    assert found.edge_seconds == pytest.approx(OBJECTIVE_SECONDS)
    assert found.fast_per_second / found.requests_per_second == pytest.approx(1 - LATE_RATIO, abs=0.05)
    assert found.failed_per_second / found.requests_per_second == pytest.approx(FAILED_RATIO, abs=0.05)


def test_the_average_latency_is_in_seconds(readings: Readings, pod: str) -> None:
    average = readings.traffic_of(pod.removesuffix("-1")).average_latency_seconds

    # Fast requests take their few milliseconds on top, more on a busy machine.
    assert LATE_RATIO * LATE_SECONDS * 0.95 < average < LATE_RATIO * LATE_SECONDS + 0.1


def test_the_pods_tell_their_cpu(readings: Readings, pod: str) -> None:
    (traffic,) = readings.traffic_of(pod.removesuffix("-1")).pods

    assert traffic.cpu_cores is not None
    assert 0 < traffic.cpu_cores < 1


def test_an_objective_between_two_edges_is_judged_at_the_lower_one(readings: Readings, pod: str) -> None:
    assert readings.traffic_of(f"between-{pod}").edge_seconds == pytest.approx(0.25)


def test_an_objective_below_all_edges_is_not_judged_at_the_edge_of_zero(readings: Readings) -> None:
    assert readings.reason_of("below-all-edges") is Reason.BUCKET_MISSING


def test_custom_queries_see_what_was_sent(readings: Readings) -> None:
    found = readings.traffic_of("custom")

    assert found.requests_per_second == pytest.approx(readings.sent.requests_per_second, rel=0.05)
    assert found.fast_per_second / found.requests_per_second == pytest.approx(1 - LATE_RATIO, abs=0.05)
    assert found.failed_per_second / found.requests_per_second == pytest.approx(FAILED_RATIO, abs=0.05)
    assert found.average_latency_seconds == pytest.approx(readings.traffic_of("instrumentator").average_latency_seconds)


def test_the_rates_of_an_app_that_is_gone_live_on_for_custom_queries_too_and_are_not_believed(
    readings: Readings,
) -> None:
    assert readings.reason_of("custom-stopped") is Reason.NOT_SCRAPED


def test_a_pod_that_is_gone_is_missed_in_the_sum_of_a_custom_query(readings: Readings) -> None:
    assert readings.traffic_of("custom").scraped_pods == 1
    assert readings.traffic_of("custom-half-stopped").scraped_pods == 1


def test_an_app_that_is_scraped_once_for_each_container_is_not_counted_twice(readings: Readings) -> None:
    assert readings.reason_of("copied") is Reason.DUPLICATE_SERIES


@pytest.mark.parametrize(
    ("name", "source"),
    [
        pytest.param("idle", MetricsSource.FASTAPI_INSTRUMENTATOR, id="never asked"),
        pytest.param("quiet", MetricsSource.OPENTELEMETRY, id="asked before the window, old and new names"),
    ],
)
def test_an_app_that_nobody_asks_has_no_traffic(readings: Readings, name: str, source: MetricsSource) -> None:
    assert readings.of(name) == NoTraffic(source=source, scraped_pods=1)


def test_scrapes_are_traffic_of_an_app_that_does_not_exclude_them(readings: Readings) -> None:
    assert readings.traffic_of("unexcluded").requests_per_second == pytest.approx(1.0, rel=0.1)


def test_a_library_that_exports_nothing_before_the_first_request_is_unknown_until_then(readings: Readings) -> None:
    assert readings.reason_of("unserved") is Reason.SOURCE_UNKNOWN


def test_a_pod_that_has_not_served_yet_counts_as_scraped_beside_one_that_has(readings: Readings) -> None:
    assert readings.traffic_of("new-pod").scraped_pods == 2


@pytest.mark.parametrize("name", ["stopped", "stopped-and-named", "elsewhere"])
def test_an_app_that_is_gone_is_not_scraped_although_its_rates_live_on(readings: Readings, name: str) -> None:
    assert readings.reason_of(name) is Reason.NOT_SCRAPED


def test_a_pod_that_is_gone_is_missed_among_those_that_are_there(readings: Readings) -> None:
    assert readings.traffic_of("half-stopped").scraped_pods == 1


def test_of_two_libraries_one_is_taken_and_the_other_pod_counts_as_not_scraped(readings: Readings) -> None:
    found = readings.traffic_of("two-libraries")

    assert found.source is MetricsSource.FASTAPI_INSTRUMENTATOR
    assert found.scraped_pods == 1


def test_prometheus_wants_the_password(readings: Readings) -> None:
    assert "401" in readings.without_password


def test_a_prometheus_that_is_gone_is_said_for_every_target_and_without_the_password(readings: Readings) -> None:
    assert readings.prometheus_gone.keys() == {each.key for each in TARGETS}
    for signals in readings.prometheus_gone.values():
        assert isinstance(signals, NoData)
        assert signals.reason is Reason.PROMETHEUS_UNREACHABLE
        assert PASSWORD.split()[0] not in signals.message
        assert "@" not in signals.message
