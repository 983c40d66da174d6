"""What an observation teaches about a pod, and when it teaches nothing."""

import math
from typing import Any

import pytest

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.api.status import Learned, Sample, number_of
from fastapi_tuning.control import learning
from fastapi_tuning.control.burn import Evidence
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import Traffic
from tests.unit.control.builders import (
    ALL_LATE,
    MISSED,
    NOW,
    ago,
    budget,
    capacity,
    estimate,
    learned,
    pod_traffic,
    samples,
    spec,
    traffic,
    workload,
)

OBJECTIVES = Objectives()


def test_a_new_template_resets_what_was_learned() -> None:
    known = learned(proven_per_second="90")

    assert learning.learned_of(known, workload()) is known
    assert learning.learned_of(known, workload(template_hash="two")) == Learned(template_hash="two")


@pytest.mark.parametrize(
    ("known", "limit", "kept"),
    [
        ("1", 1.0, True),
        ("1", 1.09, True),
        ("1", 0.91, True),
        ("1", 1.11, False),
        ("1", 0.89, False),
        ("", 2.0, True),
        ("1", None, True),
    ],
)
def test_pods_of_another_size_are_other_pods_under_the_same_template(
    known: str, limit: float | None, kept: bool
) -> None:
    before = learned(proven_per_second="90", cpu_limit_cores=known)
    after = learning.learned_of(before, workload(cpu_limit_cores=limit))

    assert (after is before) is kept
    assert kept or after == Learned(template_hash="one", cpu_limit_cores=f"{limit:g}")


def test_few_requests_or_mostly_refusals_are_no_example() -> None:
    assert learning.is_example(traffic(), estimate(), OBJECTIVES)
    assert not learning.is_example(traffic(), estimate(requests_in_window=99.0), OBJECTIVES)
    assert not learning.is_example(traffic(failed_per_second=1.0), estimate(), OBJECTIVES)
    assert learning.is_example(traffic(failed_per_second=0.1), estimate(), OBJECTIVES)


def work(known: Learned, seen: Traffic | None = None, found: Estimate | None = None) -> Learned:
    return learning.learn_work(known, seen or traffic(), found or estimate(), OBJECTIVES, NOW)


def values(kept: tuple[Sample, ...]) -> list[float | None]:
    return [number_of(sample.value) for sample in kept]


def test_the_least_service_time_of_five_minutes_is_kept_for_half_an_hour() -> None:
    assert values(work(learned(service_samples=samples((299, 0.2)))).service_samples) == [0.1]
    assert values(work(learned(service_samples=samples((299, 0.05)))).service_samples) == [0.05]
    assert values(work(learned(service_samples=samples((1801, 0.3), (300, 0.05)))).service_samples) == [0.05, 0.1]


def test_the_tail_is_learned_only_while_nothing_queues() -> None:
    assert values(work(learned()).service_tail_samples) == [0.2]
    assert work(learned(), found=estimate(waiting=10.0)).service_tail_samples == ()


def test_cpu_per_request_is_noted_once_a_minute_and_kept_for_five() -> None:
    assert values(work(learned(cpu_samples=samples((59, 0.5)))).cpu_samples) == [0.5]
    assert values(work(learned(cpu_samples=samples((301, 0.7), (60, 0.5)))).cpu_samples) == [0.5, 0.002]


def test_the_last_sample_stays_however_old_it_is() -> None:
    silent = traffic(pods=(pod_traffic(cpu_cores=None, thread_seconds_per_request=None),), average_latency_seconds=9.0)
    old = learned(service_samples=samples((9000, 0.3), (8000, 0.2)), cpu_samples=samples((9000, 0.7)))

    found = work(old, silent)
    assert (values(found.service_samples), values(found.cpu_samples)) == ([0.2], [0.7])


def test_samples_never_outgrow_the_schema() -> None:
    known = learned()
    for minute in range(120):
        known = learning.learn_work(known, traffic(), estimate(), OBJECTIVES, ago(7200 - 60 * minute))

    assert len(Learned.model_validate(known.model_dump()).service_samples) <= 8
    assert len(known.cpu_samples) <= 8


def test_the_unevenness_is_followed_with_a_time_constant_of_five_minutes() -> None:
    uneven = traffic(pods=(pod_traffic(served_per_second=150_000.0), pod_traffic(served_per_second=50_000.0)))
    seen = 0.5 / math.sqrt(2)

    for elapsed, expected in ((30.0, seen / 10), (300.0, seen), (3000.0, seen)):
        found = learning.learn_unevenness(learned(), uneven, workload(), elapsed)
        assert number_of(found.unevenness) == pytest.approx(expected, abs=0.001)


def test_an_unevenness_that_is_not_known_teaches_nothing() -> None:
    known = learned(unevenness="0.1")

    assert learning.learn_unevenness(known, traffic(pods=()), workload(), 15.0) == known


def proven(known: str, found: Estimate) -> float | None:
    return number_of(learning.learn_proven(learned(proven_per_second=known), found, workload()).proven_per_second)


def test_the_highest_rate_of_a_pod_that_went_well_is_proven() -> None:
    assert proven("", estimate(offered_per_second=100.0)) == 50.0
    assert proven("80", estimate(offered_per_second=100.0)) == 80.0
    assert proven("", MISSED) is None


def test_a_miss_at_less_takes_it_back() -> None:
    assert proven("80", MISSED) == pytest.approx(50 / 1.1)
    assert proven("20", MISSED) == 20.0


def test_a_window_of_hundreds_of_requests_proves_and_so_does_the_evidence_gathered_at_low_traffic() -> None:
    thin = budget(five_minutes=Evidence(requests=299.0, late=0.0, failed=0.0))

    assert proven("", estimate(requests_in_window=299.0, budget=thin)) is None
    assert proven("", estimate(requests_in_window=299.0)) == 50.0
    assert proven("", estimate(requests_in_window=99.0, budget=thin)) == 50.0
    assert proven("", estimate(requests_in_window=99.0, budget=thin, verdict=Verdict.TOO_FEW_REQUESTS)) is None


def trust(known: Learned, found: Estimate, ready: int = 2) -> tuple[float, float]:
    """(trim, correction)"""
    after = learning.learn_trust(
        known, found, workload(desired_replicas=ready), spec(), NOW, gain=1.0, elapsed_seconds=15.0
    )
    return number_of(after.feedback) or 0.0, number_of(after.correction) or 0.0


def test_a_miss_with_enough_pods_raises_the_trim_and_the_correction_takes_over_a_part_of_it() -> None:
    terrible = estimate(verdict=Verdict.MISSED, bad_ratio=1.0)

    trim, correction = trust(learned(), terrible)
    assert correction == pytest.approx(0.9)
    assert (1 + trim) / correction == pytest.approx(1.25), "both together ask for a quarter more"


def test_a_correction_at_its_lower_bound_leaves_all_to_the_trim() -> None:
    trim, correction = trust(learned(correction="0.1"), estimate(verdict=Verdict.MISSED, bad_ratio=1.0))

    assert trim == pytest.approx(0.25)
    assert correction == pytest.approx(0.1)


def test_loaded_pods_that_do_well_earn_two_percent_a_minute() -> None:
    loaded = estimate(offered_per_second=180.0)

    assert trust(learned(), loaded)[1] == pytest.approx(1.02)
    assert trust(learned(trust_time=ago(60)), loaded)[1] == pytest.approx(1.02)
    assert trust(learned(trust_time=ago(59)), loaded)[1] == 1.0
    assert trust(learned(correction="1.49"), loaded)[1] == 1.5


@pytest.mark.parametrize(
    ("tail_seconds", "rate", "trusted"),
    [(0.25, 160.0, 1.02), (0.25, 159.0, 1.0), (0.26, 160.0, 1.0), (None, 160.0, 1.0)],
)
def test_less_load_is_enough_where_nobody_notices_it(tail_seconds: float | None, rate: float, trusted: float) -> None:
    """The tail without any queue is 0.2 s."""
    found = estimate(
        offered_per_second=rate,
        latency_percentile_seconds=tail_seconds,
        capacity=capacity(service_tail_seconds=0.2),
    )

    assert trust(learned(), found)[1] == pytest.approx(trusted)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(estimate(offered_per_second=179.0), id="not loaded"),
        pytest.param(estimate(offered_per_second=180.0, budget=budget(half_hour=ALL_LATE)), id="budget burns"),
        pytest.param(estimate(offered_per_second=180.0, verdict=Verdict.TOO_FEW_REQUESTS), id="few requests"),
        pytest.param(estimate(capacity=capacity(thread_safe_per_second=None)), id="capacity unknown"),
    ],
)
def test_otherwise_trust_does_not_grow(found: Any) -> None:
    assert trust(learned(), found)[1] == 1.0
