"""What the pods do with requests: nothing is lost, limits hold, and imbalance is as the connections make it."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastapi_tuning.simulate.app import AppModel, ClusterModel, Database, Endpoint, Execution
from fastapi_tuning.simulate.run import Start
from fastapi_tuning.simulate.scaler import Command
from fastapi_tuning.simulate.service_times import Constant, Exponential, Lognormal, Pareto, ServiceTime
from tests.unit.simulate.builders import OBJECTIVE_SECONDS, PATIENT, Script, play, threaded

service_times: st.SearchStrategy[ServiceTime] = st.one_of(
    st.builds(Constant, seconds=st.floats(0.0, 1.0)),
    st.builds(Exponential, mean_seconds=st.floats(0.001, 0.5)),
    st.builds(Lognormal, median_seconds=st.floats(0.001, 0.5), sigma=st.floats(0.1, 1.5)),
    st.builds(Pareto, least_seconds=st.floats(0.001, 0.1), alpha=st.floats(1.1, 3.0)),
)
endpoints = st.builds(
    Endpoint,
    weight=st.floats(0.1, 5.0),
    execution=st.sampled_from(Execution),
    cpu=st.builds(Exponential, mean_seconds=st.floats(0.0001, 0.03)),
    wait=service_times,
    tokens=st.integers(1, 3),
    query=st.none() | service_times,
    error_ratio=st.floats(0.0, 0.2),
)
apps = st.builds(
    AppModel,
    endpoints=st.lists(endpoints, min_size=1, max_size=3).map(tuple),
    database=st.builds(Database, servers=st.integers(1, 30), contention=st.floats(0.0, 1.0)),
    database_pool=st.integers(1, 20),
    cpu_cores=st.floats(0.2, 1.0),
    startup=st.builds(Constant, seconds=st.floats(0.0, 20.0)),
    warmup_seconds=st.floats(0.0, 10.0),
)
commands = st.builds(
    Command,
    replicas=st.none() | st.integers(1, 12),
    threads=st.none() | st.integers(1, 60),
    in_flight_limit=st.none() | st.integers(1, 100),
    restart_with_threads=st.none() | st.integers(1, 60),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    app=apps,
    script=st.dictionaries(st.sampled_from(range(0, 60, 5)), commands, max_size=6),
    rate=st.floats(0.0, 150.0),
    lag_limit=st.none() | st.floats(0.005, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_request_is_lost_or_counted_twice(
    app: AppModel, script: dict[int, Command], rate: float, lag_limit: float | None, seed: int
) -> None:
    result = play(app, rate, 60, scaler=Script(script), cluster=ClusterModel(lag_limit_seconds=lag_limit), seed=seed)
    np.testing.assert_array_equal(result.good + result.late + result.failed + result.shed, result.offered)
    known = result.latency_seconds[~np.isnan(result.latency_seconds)]
    assert (known >= 0).all()
    assert (result.pods_created >= result.pods_ready).all()


def test_the_same_seed_gives_the_same_run_and_another_one_does_not() -> None:
    app = threaded(Lognormal(median_seconds=0.2, sigma=0.5))
    first, again, other = (play(app, 100.0, 60, seed=seed).latency_seconds for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[:100], other[:100])


def test_arrivals_and_their_work_do_not_depend_on_the_knobs() -> None:
    app = threaded(Lognormal(median_seconds=0.1, sigma=0.5))
    few, many = (play(app, 50.0, 60, start=Start(replicas=count, threads=100)) for count in (1, 5))
    np.testing.assert_array_equal(few.offered, many.offered)
    both = ~np.isnan(few.latency_seconds) & ~np.isnan(many.latency_seconds)
    np.testing.assert_allclose(few.latency_seconds[both], many.latency_seconds[both], rtol=1e-5)


def imbalance(connections: int) -> float:
    """Load of the busiest of eight pods over the mean, averaged over the run."""
    script = Script(period_seconds=30.0)
    cluster = ClusterModel(connections=connections)
    play(threaded(Constant(seconds=0.01)), 400.0, 300, scaler=script, cluster=cluster, start=Start(replicas=8))
    ratios = []
    for view in script.views:
        rates = [pod.requests_per_second for pod in view.pods if pod.requests_per_second is not None]
        if len(rates) == 8:
            ratios.append(max(rates) / np.mean(rates))
    return float(np.mean(ratios))


def test_more_connections_balance_the_load_better() -> None:
    few, some, many = imbalance(16), imbalance(160), imbalance(16_000)
    assert few > some > many
    assert many < 1.15


def test_a_new_pod_gets_load_only_as_connections_are_opened_anew() -> None:
    script = Script({10: Command(replicas=2)}, period_seconds=5.0)
    app = threaded(Constant(seconds=0.01), startup=Constant(seconds=0.0))
    cluster = ClusterModel(connections=1000, connection_lifetime_seconds=100.0)
    play(app, 200.0, 400, scaler=script, cluster=cluster)

    def share_of_new_pod(at: float) -> float:
        view = next(view for view in script.views if view.now_seconds == at)
        rates = [pod.requests_per_second or 0.0 for pod in view.pods]
        return rates[1] / sum(rates)

    assert share_of_new_pod(80.0) < 0.35
    assert share_of_new_pod(395.0) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("service", [Constant(seconds=0.1), Lognormal(median_seconds=0.05, sigma=0.5)])
def test_the_in_flight_limit_of_the_law_bounds_the_latency_of_the_admitted(service: ServiceTime) -> None:
    """L = T + floor(0.9 X (SLO - S99)) in flight: whoever is admitted makes the objective, at full throughput."""
    threads = 20
    saturated = threads / service.mean_seconds
    s99 = float(np.quantile(service.sample(np.random.default_rng(0), 100_000), 0.99))
    limit = threads + math.floor(0.9 * saturated * (OBJECTIVE_SECONDS - s99))
    start = Start(replicas=1, threads=threads, in_flight_limit=limit)
    result = play(threaded(service), 2 * saturated, 120, start=start)
    admitted = result.latency_seconds[~np.isnan(result.latency_seconds)]
    assert 0.8 * OBJECTIVE_SECONDS < np.quantile(admitted, 0.99) <= 1.01 * OBJECTIVE_SECONDS
    assert len(admitted) / 120 == pytest.approx(saturated, rel=0.03)
    assert result.shed.sum() > 0


def test_without_a_limit_latency_grows_as_long_as_the_overload_lasts() -> None:
    result = play(threaded(Constant(seconds=0.1)), 500.0, 120)
    slots = result.latency_p99_seconds
    assert slots[6] > slots[3] > slots[1] > 1.0


def test_shedding_by_lag_keeps_a_computing_pod_fast() -> None:
    app = AppModel(endpoints=(Endpoint(execution=Execution.LOOP, cpu=Constant(seconds=0.01)),))
    unlimited = play(app, 200.0, 60, cluster=PATIENT)
    limited = play(app, 200.0, 60, cluster=ClusterModel(lag_limit_seconds=0.05, client_timeout_seconds=1e9))
    assert np.nanmax(limited.latency_seconds) < 0.1
    assert np.nanmax(unlimited.latency_seconds) > 5.0
    assert limited.shed.sum() > 0


def test_a_client_gives_up_and_the_pod_serves_the_request_all_the_same() -> None:
    script = Script(period_seconds=5.0)
    result = play(
        threaded(Constant(seconds=3.0)),
        10.0,
        120,
        scaler=script,
        cluster=ClusterModel(client_timeout_seconds=1.0),
    )
    assert result.good.sum() == 0
    assert result.failed[:-1].sum() == result.offered[:-1].sum()
    assert np.nanmax(result.latency_seconds) == pytest.approx(1.0)
    served = script.views[-1].requests_per_second
    assert served == pytest.approx(10.0, rel=0.2)


def test_errors_of_the_app_are_failed_requests() -> None:
    app = AppModel(endpoints=(Endpoint(wait=Constant(seconds=0.01), error_ratio=0.25),))
    result = play(app, 200.0, 60)
    assert result.failed.sum() / result.offered.sum() == pytest.approx(0.25, abs=0.02)


def test_without_a_ready_pod_requests_fail_at_once() -> None:
    app = threaded(Constant(seconds=0.01), startup=Constant(seconds=100.0))
    result = play(app, 20.0, 20, start=Start(replicas=0), scaler=Script({0: Command(replicas=1)}))
    np.testing.assert_array_equal(result.failed, result.offered)
    assert np.isnan(result.latency_seconds).all()


def test_more_threads_wake_those_who_wait_at_once() -> None:
    app = threaded(Constant(seconds=1.0))
    script = Script({10: Command(threads=200)}, period_seconds=5.0)
    result = play(app, 100.0, 40, scaler=script)
    assert result.latency_p99_seconds[0] > 2.0
    assert result.latency_p99_seconds[3] == pytest.approx(1.0, abs=0.01)


def test_a_cold_pod_computes_slower_until_it_is_warm() -> None:
    app = AppModel(
        endpoints=(Endpoint(execution=Execution.LOOP, cpu=Constant(seconds=0.01)),),
        warmup_seconds=30.0,
        warmup_factor=3.0,
    )
    result = play(app, 5.0, 60)
    cold, warm = (result.latency_seconds[result.arrival_second // 30 == half] for half in (0, 1))
    assert np.nanmin(cold) > 0.03
    assert np.nanmedian(warm) < 0.02


def test_half_a_core_takes_twice_as_long() -> None:
    def fastest(cores: float) -> float:
        app = AppModel(endpoints=(Endpoint(execution=Execution.LOOP, cpu=Constant(seconds=0.02)),), cpu_cores=cores)
        return float(np.nanmin(play(app, 5.0, 30).latency_seconds))

    assert fastest(0.5) == pytest.approx(2 * fastest(1.0))
