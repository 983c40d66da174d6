"""The range queries of the back-test against a real Prometheus that scraped a real app."""

import asyncio
import time
from pathlib import Path

import pytest

from fastapi_tuning.api.spec import Metrics
from fastapi_tuning.control.observation import NoData, Traffic
from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe.history_reader import HistoryTarget, TimeRange, read_moments, read_preset
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint
from tests.integration.app_process import running_app
from tests.integration.conftest import eventually
from tests.integration.open_loop import FAILED_RATIO, LATE_RATIO, send
from tests.integration.real_prometheus import running_prometheus

POD, NEIGHBOUR = "checkout-7d9c6b5f4c-x2x4z", "checkout-worker-7d9c6b5f4c-x2x4z"
STEP_SECONDS = 5
LOAD_SECONDS = 22.0
REQUESTS_PER_SECOND = 10.0


def test_the_load_and_the_pods_are_read_and_the_time_before_is_a_gap(tmp_path: Path) -> None:
    with (
        running_app(tmp_path, POD, "instrumentator", {}) as app,
        running_app(tmp_path, NEIGHBOUR, "instrumentator", {}) as neighbour,
        running_prometheus(tmp_path, {POD: app.port, NEIGHBOUR: neighbour.port}, "shop") as prometheus,
    ):
        client = PrometheusClient(PrometheusEndpoint(url=prometheus.url))
        target = HistoryTarget(namespace="shop", deployment="checkout", metrics=Metrics(), threshold_seconds=0.5)
        eventually(lambda: _scraped(client) == 2, "both apps are scraped", 60)
        asyncio.run(send([app.url, neighbour.url], requests_per_second=REQUESTS_PER_SECOND, seconds=LOAD_SECONDS))
        # The last request takes over a second, and the last scrape is as old.
        span = TimeRange(last_seconds=int(time.time()) - 3, points=60, step_seconds=STEP_SECONDS)

        preset = read_preset(client, target, span)
        moments = [moment for chunk in span.chunks(7) for moment in read_moments(client, target, preset, chunk)]

    assert [moment.unix_seconds for moment in moments] == list(span.times)
    assert isinstance(moments[0].signals, NoData)
    assert moments[0].pods is None
    loaded = moments[-2]
    assert isinstance(loaded.signals, Traffic)
    assert loaded.pods == 1
    assert loaded.signals.requests_per_second == pytest.approx(REQUESTS_PER_SECOND, rel=0.25)
    whole = [moment.signals for moment in moments[-3:] if isinstance(moment.signals, Traffic)]
    served = sum(signals.requests_per_second for signals in whole)
    assert 1 - sum(signals.fast_per_second for signals in whole) / served == pytest.approx(LATE_RATIO, abs=0.1)
    assert sum(signals.failed_per_second for signals in whole) / served == pytest.approx(FAILED_RATIO, abs=0.1)
    assert all(signals.pods[0].cpu_cores is not None for signals in whole)


def _scraped(client: PrometheusClient) -> int:
    """How many apps have a few samples; none while Prometheus starts."""
    now = int(time.time())
    promql = 'count_over_time(up{pod=~"checkout.*"}[1m]) > 3'
    try:
        return len(client.query_range(promql, first_seconds=now, last_seconds=now, step_seconds=1))
    except MetricsUnavailable:
        return 0
