"""A constant load on knobs that nobody moves."""

import math

import pytest

from fastapi_tuning.simulate.app import AppModel, Endpoint
from fastapi_tuning.simulate.run import Start
from fastapi_tuning.simulate.service_times import Constant
from fastapi_tuning.simulate.steady import Steady, steady

APP = AppModel(endpoints=(Endpoint(wait=Constant(seconds=0.1), cpu=Constant(seconds=0.002)),))


def measure(rate: float, **start: int) -> Steady:
    return steady(
        APP, requests_per_second=rate, start=Start(**{"replicas": 1, **start}), objective_seconds=0.5, seconds=60
    )


def test_below_capacity_all_are_answered_in_their_service_time() -> None:
    found = measure(100.0)
    assert found.answered_per_second == pytest.approx(100, rel=0.1)
    assert found.p50_seconds == pytest.approx(0.103, abs=0.003)
    assert (found.good_ratio, found.shed_ratio, found.failed_ratio) == (1.0, 0.0, 0.0)
    assert found.cpu_cores_per_pod == pytest.approx(100 * 0.0022, rel=0.15)


def test_above_capacity_a_limit_keeps_the_throughput_and_the_latency() -> None:
    unlimited, limited = measure(250.0, threads=10), measure(250.0, threads=10, in_flight_limit=30)
    assert limited.answered_per_second == pytest.approx(10 / 0.102, rel=0.05)
    assert limited.good_ratio == pytest.approx(limited.answered_per_second / 250, rel=0.05)
    assert unlimited.good_ratio < 0.05
    assert unlimited.p99_seconds == pytest.approx(5.0)


def test_without_requests_there_is_no_latency() -> None:
    found = measure(0.0)
    assert math.isnan(found.p50_seconds)
    assert found.answered_per_second == 0.0
