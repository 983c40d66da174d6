"""What a pod carries, and with which pool, by the law's own functions."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.control.capacity import threads_for
from fastapi_tuning.control.observation import NoData, Signals
from fastapi_tuning.load_test.findings import Findings, findings_of
from fastapi_tuning.load_test.step import Step
from tests.unit.control import builders
from tests.unit.load_test.builders import spec, step

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KNEE = (step(40.0), step(80.0, late=600), step(60.0))


def findings(
    steps: tuple[Step, ...] = KNEE,
    signals: tuple[Signals, ...] = (),
    wanted: FastAPITuningSpec | None = None,
    threads: int | None = None,
) -> Findings:
    workload = builders.workload()
    return findings_of(steps, signals, workload, wanted or spec(), threads=threads, now=NOW)


def test_the_knee_is_the_highest_load_that_held_of_one_pod() -> None:
    found = findings((step(40.0, pods=2), step(80.0, pods=2, late=600), step(60.0, pods=2)))
    assert found.knee_per_second == 30
    assert found.failed_per_second == 40
    assert found.safe_per_second == pytest.approx(27)


def test_nothing_held_is_no_knee() -> None:
    found = findings((step(10.0, late=250),))
    assert found.knee_per_second is None
    assert found.safe_per_second is None


def test_without_metrics_the_mean_of_the_clients_stands_in() -> None:
    found = findings((step(40.0, mean_completed_seconds=0.2), step(300.0, mean_completed_seconds=0.3)))
    assert found.service_seconds == pytest.approx(0.2)
    assert not found.service_measured
    assert found.best_threads is not None
    assert found.best_threads >= threads_for(300 * 0.2)
    assert "CPU per request is not known" in found.threads_from


def traffic(**pod: Any) -> Signals:
    return builders.traffic(pods=(builders.pod_traffic(**pod),))


def test_the_agents_numbers_go_before_those_of_the_clients() -> None:
    seen = traffic(served_per_second=40.0, thread_seconds_per_request=0.1, cpu_cores=0.2, threads=40)
    found = findings(signals=(seen,))
    assert found.service_measured
    assert found.service_seconds is not None
    assert found.service_seconds < 0.1, "the computing part is taken as if nobody else computed"
    assert found.cpu_seconds_per_request == pytest.approx(0.005)
    assert found.threads == 40
    assert "what CPU lets a pod carry" in found.threads_from


def test_requests_that_compute_get_the_least_pool() -> None:
    seen = traffic(served_per_second=10.0, thread_seconds_per_request=0.02, cpu_cores=0.18, threads=40)
    assert findings(signals=(seen,), wanted=spec(threadPool={"min": 6})).best_threads == 6


def test_no_data_leaves_the_clients_view() -> None:
    lost = NoData(reason=Reason.NOT_SCRAPED, message="")
    assert findings(signals=(lost, lost)) == findings()


def test_a_pool_that_is_full_at_the_knee_is_said_to_have_ended_first() -> None:
    assert findings(threads=16).pool_ended_first, "60/s of 250 ms keep 15 of 16 threads busy"
    assert not findings(threads=40).pool_ended_first


@given(st.floats(1, 500), st.floats(0.001, 0.5), st.integers(4, 50), st.integers(50, 300))
def test_the_pool_is_within_the_spec_and_never_the_first_to_end(
    rate: float, service: float, least: int, greatest: int
) -> None:
    wanted = spec(threadPool={"min": least, "max": greatest})
    found = findings((step(rate, mean_completed_seconds=service, offered=max(200, round(30 * rate))),), wanted=wanted)
    assert found.best_threads is not None
    assert found.knee_per_second is not None
    assert least <= found.best_threads <= greatest
    if found.best_threads < greatest:
        assert found.best_threads >= threads_for(found.knee_per_second * service) * 0.999


def test_a_pool_that_does_is_left_alone() -> None:
    assert findings(threads=100).best_threads == 100
