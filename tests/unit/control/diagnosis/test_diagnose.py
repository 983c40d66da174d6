"""How the suspicions become one factor: symptoms step back behind their cause, and the most frequent goes first."""

from dataclasses import replace

import pytest

from fastapi_tuning.api.status import LimitingFactor as Factor
from fastapi_tuning.control.burn import Evidence
from fastapi_tuning.control.diagnosis.case import Suspicion
from fastapi_tuning.control.diagnosis.causes import EXPLAINS, without_symptoms
from fastapi_tuning.control.diagnosis.diagnose import SIGNATURES, diagnose, without_traffic
from fastapi_tuning.control.diagnosis.symptoms import symptoms
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import NoTraffic, Traffic
from tests.unit.control.builders import NO_DATA, budget, capacity, estimate, history, observation, spec, traffic
from tests.unit.control.diagnosis.services import (
    blocking,
    case,
    connections,
    dependencies,
    diagnosed,
    observed,
    pods,
    requests,
)


def suspicion(factor: Factor, confidence: float) -> Suspicion:
    return Suspicion(factor=factor, confidence=confidence, evidence="numbers")


def test_a_convincing_cause_halves_what_it_explains_and_nothing_else() -> None:
    full, failing = suspicion(Factor.THREAD_POOL, 0.9), suspicion(Factor.MEMORY, 0.5)

    weighed = without_symptoms((suspicion(Factor.DATABASE, 0.6), full, failing))

    assert [each.confidence for each in weighed] == [0.6, 0.45, 0.5]


def test_a_cause_that_does_not_convince_explains_nothing() -> None:
    weak = (suspicion(Factor.DATABASE, 0.59), suspicion(Factor.THREAD_POOL, 0.9))

    assert without_symptoms(weak) == weak


def test_nothing_explains_itself_and_no_two_explain_each_other() -> None:
    for cause, explained in EXPLAINS.items():
        assert cause not in explained
        assert all(cause not in EXPLAINS.get(symptom, ()) for symptom in explained)


def test_every_factor_but_what_is_no_factor_has_a_signature() -> None:
    assert len(SIGNATURES) == len(set(Factor) - {Factor.NONE, Factor.UNKNOWN})


def found(seen: Estimate, signals: Traffic | None = None) -> tuple[Factor, str]:
    made = diagnose(spec(), observation(), signals or traffic(), seen, history())
    return made.factor, made.evidence


MISSED = {"verdict": Verdict.MISSED, "bad_ratio": 0.4}


def test_a_missed_objective_that_no_signature_fits_is_unknown_and_says_what_is_seen() -> None:
    factor, evidence = found(estimate(**MISSED))

    assert factor is Factor.UNKNOWN
    assert "40.0% late" in evidence


def test_a_handful_of_requests_is_no_finding_and_no_alarm() -> None:
    few = {"verdict": Verdict.TOO_FEW_REQUESTS, "requests_in_window": 7.0}

    assert found(estimate(**few))[0] is Factor.NONE
    assert found(estimate(**few, bad_ratio=0.5)) == (
        Factor.UNKNOWN,
        "no signature fits; 7 requests are too few to judge",
    )


def test_a_service_that_is_well_is_limited_by_nothing_and_less_surely_where_little_is_known() -> None:
    unknown = estimate(capacity=capacity(thread_safe_per_second=None))

    well = diagnose(spec(), observation(), traffic(), estimate(cpu_utilisation=0.2), history())
    blind = diagnose(spec(), observation(), traffic(), unknown, history())

    assert (well.factor, blind.factor) == (Factor.NONE, Factor.NONE)
    assert well.confidence > blind.confidence
    assert "CPU 20%" in well.evidence
    assert "capacity unknown" in blind.evidence


def test_without_requests_nothing_limits_and_without_data_nothing_is_known() -> None:
    idle = without_traffic(observation(signals=NoTraffic(source=traffic().source, scraped_pods=2)))
    lost = without_traffic(observation(signals=NO_DATA))

    assert (idle.factor, lost.factor) == (Factor.NONE, Factor.UNKNOWN)
    assert "connection refused" in lost.evidence


def test_of_two_that_fit_alike_the_more_frequent_one_is_named() -> None:
    """Young pods (0.8) and a line that blocks for a fifth of the time (0.8)."""
    late = requests(0.2, pods=(*pods(count=1), *pods(count=1, ready_seconds=10.0)))

    made = diagnosed(observed(late, blocking=blocking(0.22)))

    assert (made.factor, made.runner_up) == (Factor.EVENT_LOOP_BLOCKED, Factor.COLD_PODS)


def test_what_fits_too_badly_to_be_named_is_still_the_runner_up() -> None:
    waiting = dependencies(connections(checked_out=30.0, waiting=20.0, wait_seconds_per_second=2.0))

    made = diagnosed(observed(dependencies=waiting))

    assert (made.factor, made.runner_up) == (Factor.NONE, None)
    more = diagnosed(observed(dependencies=dependencies(connections(checked_out=30.0, wait_seconds_per_second=5.0))))
    assert (more.factor, more.runner_up) == (Factor.NONE, Factor.DATABASE_POOL)


# Symptoms


def told(seen: Estimate, signals: Traffic | None = None) -> str:
    return "; ".join(symptoms(replace(case(observed(signals)), found=seen)))


def test_a_service_that_is_well_shows_no_symptoms() -> None:
    assert told(estimate(slowdown=3.0, latency_percentile_seconds=9.0)) == ""


def test_a_tail_of_ten_times_the_average_is_told() -> None:
    quick = requests(average_latency_seconds=0.05)

    assert "p99 10 × the average" in told(estimate(latency_percentile_seconds=0.5, **MISSED), quick)
    assert "average" not in told(estimate(latency_percentile_seconds=0.49, **MISSED), quick)
    assert "average" not in told(estimate(latency_percentile_seconds=None, **MISSED))
    assert "average" not in told(estimate(**MISSED), requests(average_latency_seconds=0.0))


def test_latency_that_surges_with_load_is_told() -> None:
    assert "surges with load (2.0 ×" in told(estimate(slowdown=2.0, **MISSED))
    assert "surges" not in told(estimate(slowdown=1.5, **MISSED))


@pytest.mark.parametrize(("lately", "usual", "rise"), [(50.0, 60.0, True), (50.0, 600.0, False), (0.4, 0.0, False)])
def test_errors_that_rise_are_told(lately: float, usual: float, rise: bool) -> None:
    spent = budget(
        five_minutes=Evidence(requests=500.0, late=0.0, failed=lately),
        hour=Evidence(requests=6000.0, late=0.0, failed=usual),
    )

    assert ("errors rise" in told(estimate(budget=spent, **MISSED))) is rise
