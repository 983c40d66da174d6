"""What Prometheus answers: `rate()` as it computes it, late, and incomplete."""

import math

import numpy as np
import pytest

from fastapi_tuning.control.observation import NoData, NoTraffic, Traffic
from fastapi_tuning.simulate.app import AppModel, Endpoint
from fastapi_tuning.simulate.run import Start
from fastapi_tuning.simulate.scaler import Command, View
from fastapi_tuning.simulate.scrape import PrometheusModel, extrapolated_rate, latency_edges
from fastapi_tuning.simulate.service_times import Constant
from tests.unit.simulate.builders import Script, play, threaded


def rate(times: list[float], values: list[float], now: float, window: float = 60.0) -> float:
    return float(extrapolated_rate(times, np.array(values[:1]), np.array(values[-1:]), now, window)[0])


def test_a_steady_counter_has_its_slope() -> None:
    times = [float(second) for second in range(4, 64, 5)]
    assert rate(times, [1000 + 7 * time for time in times], now=62.0) == pytest.approx(7.0)


def test_a_counter_is_not_extrapolated_below_zero() -> None:
    """Ten per second since 50 s: the window before it is empty, and 100 of 600 possible requests are seen."""
    assert rate([50.0, 55.0, 60.0], [0.0, 50.0, 100.0], now=60.0) == pytest.approx(100 / 60)


def test_where_a_sample_is_missing_half_an_interval_is_extrapolated() -> None:
    """Samples from 20 s to 40 s only, five apart: 2.5 s on each side, 25 s of the window of 60."""
    times = [20.0, 25.0, 30.0, 35.0, 40.0]
    assert rate(times, [1000 + 10 * time for time in times], now=60.0) == pytest.approx(10 * 25 / 60)


def test_the_objective_is_a_bucket_edge_among_those_of_the_instrumentator() -> None:
    edges = latency_edges(0.3)
    assert 0.3 in edges
    assert {0.01, 0.5, 60.0} <= set(edges)
    assert list(edges) == sorted(edges)


def watch(prometheus: PrometheusModel, load: float = 100.0, seconds: int = 240, **changes: object) -> list[View]:
    script = Script(period_seconds=1.0)
    play(threaded(Constant(seconds=0.05)), load, seconds, scaler=script, prometheus=prometheus)
    return script.views


def test_the_rate_is_that_of_the_load() -> None:
    last = watch(PrometheusModel())[-1]
    assert last.requests_per_second == pytest.approx(100.0, rel=0.1)
    assert last.latency_p99_seconds == pytest.approx(0.05, abs=0.026)


@pytest.mark.parametrize("delay", [0.0, 20.0])
def test_samples_are_seen_after_the_delay(delay: float) -> None:
    views = watch(PrometheusModel(scrape_period_seconds=5, delay_seconds=delay), seconds=60)
    first = next(view.now_seconds for view in views if view.requests_per_second is not None)
    assert delay + 5 <= first <= delay + 10


def test_a_window_with_fewer_than_two_samples_has_no_rate() -> None:
    views = watch(PrometheusModel(scrape_period_seconds=40, window_seconds=30))
    assert all(view.requests_per_second is None for view in views)
    assert all(isinstance(view.scraped.signals(window_seconds=30, threshold_seconds=0.5), NoData) for view in views)


def test_missing_scrapes_make_some_answers_empty() -> None:
    views = watch(PrometheusModel(scrape_period_seconds=10, window_seconds=30, missing_ratio=0.5))[60:]
    empty = [view for view in views if view.requests_per_second is None]
    assert 0 < len(empty) < len(views)


def test_no_requests_are_silence_and_not_absence() -> None:
    last = watch(PrometheusModel(), load=0.0)[-1]
    assert last.requests_per_second == 0.0
    assert isinstance(last.scraped.signals(window_seconds=60, threshold_seconds=0.5), NoTraffic)


def test_a_new_pod_is_ready_before_it_has_a_rate() -> None:
    script = Script({100: Command(replicas=2)}, period_seconds=1.0)
    app = threaded(Constant(seconds=0.05), startup=Constant(seconds=10.0))
    play(app, 100.0, 200, scaler=script)
    blind = [view for view in script.views if len(view.pods) == 2 and view.pods[1].ready]
    assert blind[0].pods[1].requests_per_second is None
    signals = blind[0].scraped.signals(window_seconds=60, threshold_seconds=0.5)
    assert isinstance(signals, Traffic)
    assert (signals.scraped_pods, len(blind[0].scraped.ready_pods)) == (1, 2)
    assert blind[-1].pods[1].requests_per_second is not None


def test_traffic_has_all_that_the_law_looks_at() -> None:
    app = AppModel(endpoints=(Endpoint(wait=Constant(seconds=0.1), cpu=Constant(seconds=0.002), error_ratio=0.1),))
    script = Script(period_seconds=15.0)
    play(app, 100.0, 300, scaler=script, start=Start(replicas=2, threads=30))
    signals = script.views[-1].scraped.signals(window_seconds=60, threshold_seconds=0.5)
    assert isinstance(signals, Traffic)
    assert signals.edge_seconds == 0.5
    assert math.isinf(signals.buckets[-1].upper_seconds)
    assert signals.failed_per_second == pytest.approx(10.0, rel=0.3)
    assert signals.average_latency_seconds == pytest.approx(0.1025, abs=0.01)
    assert sum(pod.cpu_cores or 0.0 for pod in signals.pods) == pytest.approx(100 * 0.0022, rel=0.15)
    assert {pod.threads for pod in signals.pods} == {30}
    assert signals.queue_growth_per_second == pytest.approx(0.0, abs=1.0)


def test_a_queue_that_grows_is_offered_load_that_is_not_served() -> None:
    script = Script(period_seconds=15.0)
    play(threaded(Constant(seconds=0.1)), 500.0, 120, scaler=script)
    signals = script.views[-1].scraped.signals(window_seconds=60, threshold_seconds=0.5)
    assert isinstance(signals, Traffic)
    assert signals.requests_per_second == pytest.approx(400, rel=0.03)
    assert signals.queue_growth_per_second == pytest.approx(100, rel=0.15)
    assert signals.pods[0].threads_busy == 40
    assert (signals.pods[0].threads_waiting or 0) > 1000


def test_shed_requests_are_counted_where_the_app_does_not_see_them() -> None:
    script = Script(period_seconds=15.0)
    start = Start(replicas=1, threads=40, in_flight_limit=60)
    play(threaded(Constant(seconds=0.1)), 500.0, 120, scaler=script, start=start)
    assert script.views[-1].scraped.shed_per_second(60) == pytest.approx(100, rel=0.15)
