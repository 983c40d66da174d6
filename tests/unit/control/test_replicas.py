"""How many pods, before anybody asks whether they may move."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control import replicas
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.objective import Verdict
from tests.unit.control.builders import ALL_LATE, budget, capacity, estimate, spec, workload

UNKNOWN = capacity(service_seconds=None, threads=None, thread_safe_per_second=None, thread_saturated_per_second=None)


def feedback(
    previous: float, found: Estimate, *, ready: int = 2, gain: float = 1.0, elapsed_seconds: float = 15.0
) -> float:
    return replicas.feedback(previous, found, spec(), ready=ready, gain=gain, elapsed_seconds=elapsed_seconds)


def missed(**changes: Any) -> Estimate:
    return estimate(**{"verdict": Verdict.MISSED, "bad_ratio": 0.05, **changes})


def test_feedback_rises_when_the_pods_that_it_holds_to_be_enough_are_not() -> None:
    assert feedback(0.0, missed()) == pytest.approx(0.1 * math.log(5))
    assert feedback(0.0, missed(), gain=0.5) == pytest.approx(0.05 * math.log(5))


def test_feedback_rises_by_a_twentieth_at_least_and_a_quarter_at_most() -> None:
    assert feedback(0.0, missed(bad_ratio=0.0)) == pytest.approx(0.05), "errors alone make no late requests"
    assert feedback(0.0, missed(bad_ratio=1.0)) == pytest.approx(0.25)


def test_feedback_does_not_wind_up_while_what_it_asks_for_is_not_there() -> None:
    assert feedback(0.1, missed(offered_per_second=900.0), ready=2) == pytest.approx(0.1)
    assert feedback(0.1, missed(offered_per_second=100.0), ready=1) == pytest.approx(0.1)
    assert feedback(0.1, missed(offered_per_second=100.0), ready=2) > 0.1


def test_feedback_does_not_rise_while_one_pod_alone_carries_too_much() -> None:
    assert feedback(0.1, missed(busiest_per_second=101.0)) == pytest.approx(0.1)
    assert feedback(0.1, missed(busiest_per_second=100.0)) > 0.1


def test_feedback_rises_when_no_capacity_is_known_to_explain_the_miss() -> None:
    assert feedback(0.1, missed(capacity=UNKNOWN)) > 0.1


def test_feedback_falls_slowly_when_the_budget_hardly_burns_and_not_below_nothing() -> None:
    assert feedback(0.1, estimate(), elapsed_seconds=60.0) == pytest.approx(0.08)
    assert feedback(0.01, estimate(), elapsed_seconds=60.0) == 0.0


def test_feedback_stays_when_the_budget_burns_or_nothing_is_known() -> None:
    assert feedback(0.1, estimate(budget=budget(half_hour=ALL_LATE))) == 0.1
    assert feedback(0.1, estimate(verdict=Verdict.TOO_FEW_REQUESTS)) == 0.1


@given(st.floats(0, 1), st.sampled_from(Verdict), st.floats(0, 1), st.floats(0, 1e6))
def test_feedback_never_leaves_its_bounds(previous: float, verdict: Verdict, bad: float, elapsed: float) -> None:
    found = feedback(previous, estimate(verdict=verdict, bad_ratio=bad), elapsed_seconds=elapsed)

    assert 0.0 <= found <= 1.0


def test_it_is_a_panic_when_half_as_much_again_is_offered_as_ready_pods_carry_or_requests_are_refused() -> None:
    assert replicas.panics(estimate(offered_per_second=301.0), ready=2)
    assert not replicas.panics(estimate(offered_per_second=299.0), ready=2)
    assert replicas.panics(estimate(offered_per_second=151.0), ready=0)
    assert replicas.panics(estimate(shedding=True), ready=2)
    assert not replicas.panics(estimate(capacity=UNKNOWN), ready=2)


def test_without_traffic_the_least_is_wanted_that_the_spec_allows() -> None:
    idle = spec(replicas={"min": 3, "max": 9})

    fallen = replicas.propose_idle_replicas(idle, workload(desired_replicas=7))
    assert (fallen.wanted, fallen.reason) == (3, Reason.DEMAND_FELL)
    resting = replicas.propose_idle_replicas(idle, workload(desired_replicas=3))
    assert (resting.wanted, resting.reason) == (3, Reason.ALREADY_OPTIMAL)


@pytest.mark.parametrize(
    ("found", "trim", "wanted", "reason"),
    [
        pytest.param(estimate(offered_per_second=200.0), 0.0, 2, Reason.ALREADY_OPTIMAL, id="exactly enough"),
        pytest.param(estimate(offered_per_second=201.0), 0.0, 3, Reason.DEMAND_ROSE, id="a little more"),
        pytest.param(estimate(expected_per_second=201.0), 0.0, 3, Reason.DEMAND_ROSE, id="about to be a little more"),
        pytest.param(estimate(offered_per_second=1.0), 0.0, 1, Reason.DEMAND_FELL, id="next to nothing"),
        pytest.param(estimate(offered_per_second=0.0), 0.0, 1, Reason.DEMAND_FELL, id="never below one"),
        pytest.param(estimate(offered_per_second=200.0, unevenness=0.1), 0.0, 3, Reason.DEMAND_ROSE, id="busiest pod"),
        pytest.param(estimate(offered_per_second=200.0), 0.5, 3, Reason.DEMAND_ROSE, id="trimmed"),
        pytest.param(missed(offered_per_second=400.0), 0.0, 4, Reason.OBJECTIVE_MISSED, id="objective missed"),
    ],
)
def test_replicas_are_the_expected_load_over_what_a_pod_carries(
    found: Estimate, trim: float, wanted: int, reason: Reason
) -> None:
    proposal = replicas.propose_replicas(found, workload(desired_replicas=2), trim, panic=False)

    assert (proposal.current, proposal.wanted, proposal.reason) == (2, wanted, reason)


def test_a_panic_is_the_reason_of_a_step_up_in_it() -> None:
    found = replicas.propose_replicas(missed(offered_per_second=400.0), workload(), 0.0, panic=True)

    assert found.reason is Reason.PANIC


def test_a_missed_objective_asks_for_a_quarter_more_pods_where_capacity_is_unknown() -> None:
    blind = missed(capacity=UNKNOWN)

    assert replicas.propose_replicas(blind, workload(desired_replicas=2), 0.0, panic=False).wanted == 3
    assert replicas.propose_replicas(blind, workload(desired_replicas=8), 0.0, panic=False).wanted == 10


def test_nothing_is_wanted_where_capacity_is_unknown_and_the_objective_holds() -> None:
    proposal = replicas.propose_replicas(estimate(capacity=UNKNOWN), workload(), 0.0, panic=False)

    assert (proposal.wanted, proposal.reason) == (2, Reason.CAPACITY_UNKNOWN)


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 1), st.integers(1, 50), st.floats(0.1, 1e4), st.floats(0, 1))
def test_more_demand_never_asks_for_fewer_replicas(
    left: float, right: float, trim: float, current: int, safe: float, unevenness: float
) -> None:
    low, high = sorted((left, right))
    pod = capacity(thread_safe_per_second=safe)

    def wanted(offered: float) -> int:
        found = estimate(offered_per_second=offered, capacity=pod, unevenness=unevenness)
        return replicas.propose_replicas(found, workload(desired_replicas=current), trim, panic=False).wanted

    assert wanted(low) <= wanted(high)
