"""The verdict on the objective: from one window, or from what was gathered at low traffic."""

import math

import pytest

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.control.burn import Evidence
from fastapi_tuning.control.objective import Verdict, evidence_of, judge, quantile
from fastapi_tuning.control.observation import LatencyBucket, Traffic
from tests.unit.control.builders import traffic

OBJECTIVES = Objectives()
NOTHING = Evidence(requests=0.0, late=0.0, failed=0.0)


def verdict(seen: Traffic, gathered: Evidence = NOTHING, objectives: Objectives = OBJECTIVES) -> Verdict:
    return judge(seen, gathered, objectives)


def test_the_objective_is_met_while_lateness_stays_within_what_is_allowed() -> None:
    assert verdict(traffic(fast_per_second=99.0)) is Verdict.MET


def test_the_objective_is_missed_when_significantly_more_requests_are_late() -> None:
    assert verdict(traffic(fast_per_second=95.0)) is Verdict.MISSED


def test_the_objective_is_missed_when_significantly_more_requests_fail() -> None:
    assert verdict(traffic(failed_per_second=2.0)) is Verdict.MISSED


def test_requests_that_were_shed_count_as_failed() -> None:
    assert verdict(traffic(shed_per_second=2.0)) is Verdict.MISSED
    counts = evidence_of(traffic(shed_per_second=2.0, failed_per_second=1.0, fast_per_second=97.0), 10.0)
    assert (counts.requests, counts.late, counts.failed) == pytest.approx((1020.0, 30.0, 30.0))


def test_more_fast_requests_than_requests_is_not_less_than_no_lateness() -> None:
    assert evidence_of(traffic(fast_per_second=100.5), 10.0).late == 0.0


def test_the_objective_is_missed_when_the_average_is_above_an_average_that_is_owed() -> None:
    slow = traffic(average_latency_seconds=0.3)

    assert verdict(slow, objectives=Objectives(average_latency_milliseconds=200)) is Verdict.MISSED
    assert verdict(slow) is Verdict.MET


FEW = traffic(requests_per_second=1.0, fast_per_second=0.0, window_seconds=60)


def test_a_handful_of_requests_is_no_evidence_however_bad_they_are() -> None:
    assert verdict(FEW) is Verdict.TOO_FEW_REQUESTS


def test_at_low_traffic_what_was_gathered_over_many_windows_is_judged() -> None:
    assert verdict(FEW, Evidence(requests=150.0, late=0.0, failed=0.0)) is Verdict.MET
    assert verdict(FEW, Evidence(requests=150.0, late=20.0, failed=0.0)) is Verdict.MISSED


def buckets(*pairs: tuple[float, float]) -> tuple[LatencyBucket, ...]:
    return tuple(LatencyBucket(upper_seconds=edge, requests_per_second=rate) for edge, rate in pairs)


@pytest.mark.parametrize(
    ("histogram", "ratio", "expected"),
    [
        pytest.param((), 0.5, None, id="no histogram"),
        pytest.param(buckets((0.1, 0.0), (math.inf, 0.0)), 0.5, None, id="no requests"),
        pytest.param(buckets((0.1, 10.0), (math.inf, 10.0)), 0.5, 0.05, id="inside the first bucket"),
        pytest.param(buckets((0.1, 10.0), (0.3, 20.0), (math.inf, 20.0)), 0.75, 0.2, id="inside the second bucket"),
        pytest.param(buckets((0.1, 10.0), (math.inf, 20.0)), 0.99, 0.1, id="beyond the last finite edge"),
        pytest.param(buckets((0.1, 0.0), (0.2, 10.0), (math.inf, 10.0)), 0.0, 0.1, id="an empty bucket holds rank 0"),
        pytest.param(buckets((0.1, 5.0), (0.2, 10.0)), 2.0, 0.2, id="a rank beyond all buckets"),
    ],
)
def test_the_quantile_for_people_is_linear_inside_a_bucket(
    histogram: tuple[LatencyBucket, ...], ratio: float, expected: float | None
) -> None:
    found = quantile(histogram, ratio)

    assert found is None if expected is None else found == pytest.approx(expected)
