"""The plant against what queueing theory says in closed form."""

import math

import numpy as np
import pytest

from fastapi_tuning.simulate.app import AppModel, Database, Endpoint, Execution
from fastapi_tuning.simulate.run import Start
from fastapi_tuning.simulate.scaler import Run
from fastapi_tuning.simulate.service_times import Constant, Exponential, Lognormal
from tests.unit.simulate.builders import Script, computing, play, threaded


def erlang_c(servers: int, offered: float) -> float:
    """Probability that an arrival waits in M/M/c; `offered` is the load in servers (Erlang 1917, the C formula)."""
    last = offered**servers / math.factorial(servers) * servers / (servers - offered)
    return last / (sum(offered**k / math.factorial(k) for k in range(servers)) + last)


def steady(result: Run, warm_up_seconds: int = 100) -> np.ndarray:
    """Latencies once the queue is as it goes on being, without the requests that the end of the run cuts off."""
    kept = result.latency_seconds[(result.arrival_second >= warm_up_seconds)].astype(np.float64)
    return kept[~np.isnan(kept)]


@pytest.mark.parametrize(("threads", "utilisation"), [(1, 0.7), (4, 0.8), (40, 0.9)])
def test_the_wait_for_a_thread_is_that_of_an_m_m_c_queue(threads: int, utilisation: float) -> None:
    service = 0.001 * threads
    rate = utilisation * threads / service
    result = play(
        threaded(Exponential(mean_seconds=service)),
        rate,
        round(600_000 / rate),
        start=Start(threads=threads, replicas=1),
    )
    waiting = erlang_c(threads, rate * service) * service / (threads - rate * service)
    assert steady(result).mean() - service == pytest.approx(waiting, rel=0.05)


@pytest.mark.parametrize("utilisation", [0.5, 0.8])
def test_a_computing_coroutine_is_an_m_m_1_queue(utilisation: float) -> None:
    service = 0.002
    result = play(computing(service), utilisation / service, 1200)
    sojourn = service / (1 - utilisation)
    latencies = steady(result)
    assert latencies.mean() == pytest.approx(sojourn, rel=0.03)
    assert np.quantile(latencies, 0.99) == pytest.approx(-math.log(0.01) * sojourn, rel=0.04)


def test_waiting_coroutines_do_not_wait_for_each_other() -> None:
    app = AppModel(
        endpoints=(Endpoint(execution=Execution.LOOP, wait=Constant(seconds=1.0)),), framework_cpu_seconds=0.0
    )
    result = play(app, 500.0, 30, start=Start(replicas=1, threads=4))
    assert np.nanmax(result.latency_seconds) == pytest.approx(1.0)


def test_requests_in_a_pod_obey_littles_law() -> None:
    script = Script(period_seconds=2.0)
    result = play(threaded(Lognormal(median_seconds=0.1, sigma=0.8)), 250.0, 1000, scaler=script)
    seen = [view.pods[0].concurrency for view in script.views if view.now_seconds > 100]
    in_flight = np.mean([concurrency for concurrency in seen if concurrency is not None])
    assert in_flight == pytest.approx(250.0 * steady(result).mean(), rel=0.03)


def test_thread_seconds_per_request_are_the_service_time() -> None:
    script = Script(period_seconds=15.0)
    play(threaded(Constant(seconds=0.2)), 100.0, 300, scaler=script)
    signals = script.views[-1].scraped.signals(window_seconds=60, threshold_seconds=0.5)
    assert signals.pods[0].thread_seconds_per_request == pytest.approx(0.2, rel=0.03)  # type: ignore[union-attr]


def test_several_tokens_a_request_hold_threads_no_longer_in_sum() -> None:
    app = AppModel(endpoints=(Endpoint(wait=Constant(seconds=0.3), tokens=3),), framework_cpu_seconds=0.0)
    result = play(app, 50.0, 60)
    assert np.nanmedian(result.latency_seconds) == pytest.approx(0.3, rel=1e-3)


@pytest.mark.parametrize("replicas", [2, 6])
def test_the_database_caps_the_throughput_of_any_number_of_pods(replicas: int) -> None:
    app = AppModel(
        endpoints=(Endpoint(query=Exponential(mean_seconds=0.1)),),
        database=Database(servers=10),
        framework_cpu_seconds=0.0,
    )
    result = play(app, 200.0, 300, start=Start(replicas=replicas))
    answered_by_the_end = np.count_nonzero(~np.isnan(result.latency_seconds))
    assert answered_by_the_end / 300 == pytest.approx(10 / 0.1, rel=0.03)


def test_the_pool_of_a_pod_caps_its_queries() -> None:
    app = AppModel(
        endpoints=(Endpoint(query=Exponential(mean_seconds=0.1)),),
        database=Database(servers=1000),
        database_pool=5,
        framework_cpu_seconds=0.0,
    )
    result = play(app, 100.0, 300)
    assert np.count_nonzero(~np.isnan(result.latency_seconds)) / 300 == pytest.approx(5 / 0.1, rel=0.03)


def test_a_contended_database_serves_less() -> None:
    def answered(contention: float) -> int:
        app = AppModel(
            endpoints=(Endpoint(query=Constant(seconds=0.1)),),
            database=Database(servers=10, contention=contention),
            framework_cpu_seconds=0.0,
        )
        return int(np.count_nonzero(~np.isnan(play(app, 200.0, 60, start=Start(replicas=4)).latency_seconds)))

    assert answered(0.5) < 0.6 * answered(0.0)


def test_threads_that_compute_share_one_core() -> None:
    app = AppModel(endpoints=(Endpoint(cpu=Constant(seconds=0.005)),), framework_cpu_seconds=0.0, gil_contention=0.0)
    result = play(app, 400.0, 60)
    assert np.count_nonzero(~np.isnan(result.latency_seconds)) / 60 == pytest.approx(200, rel=0.02)


def test_the_event_loop_lags_by_the_turns_of_computing_threads() -> None:
    """Saturated by n threads of 5 ms slices, a coroutine that does nothing waits for up to n of them."""

    def median_lag(threads: int) -> float:
        app = AppModel(
            endpoints=(
                Endpoint(weight=99.0, cpu=Constant(seconds=0.005)),
                Endpoint(weight=1.0, execution=Execution.LOOP, wait=Constant(seconds=1e-9)),
            ),
            framework_cpu_seconds=0.0002,
            gil_contention=0.0,
        )
        result = play(app, 300.0, 120, start=Start(replicas=1, threads=threads))
        of_coroutines = np.sort(result.latency_seconds[~np.isnan(result.latency_seconds)])[: 120 * 3]
        return float(np.median(of_coroutines))

    assert median_lag(40) > 5 * median_lag(4)
