"""Where each knob should be, before anybody asks whether it may move."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import Settings
from fastapi_tuning.control import decide
from fastapi_tuning.control.decide import Knob, Proposal
from fastapi_tuning.control.estimate import Estimate, Verdict, threads_for
from tests.unit.control.builders import capacity, estimate, spec, workload

UNKNOWN = capacity(service_seconds=None, threads=None, thread_safe_per_second=None, thread_saturated_per_second=None)


def feedback(previous: float, found: Estimate, *, ready: int = 2, elapsed_seconds: float = 15.0) -> float:
    return decide.feedback(previous, found, spec(), ready=ready, elapsed_seconds=elapsed_seconds)


def missed(**changes: Any) -> Estimate:
    return estimate(**{"verdict": Verdict.MISSED, "bad_ratio": 0.05, **changes})


def test_feedback_rises_when_the_feed_forward_holds_the_pods_to_be_enough_and_they_are_not() -> None:
    assert feedback(0.0, missed()) == pytest.approx(0.1 * math.log(5))


def test_feedback_rises_by_a_twentieth_at_least_and_a_quarter_at_most() -> None:
    assert feedback(0.0, missed(bad_ratio=0.0)) == pytest.approx(0.05), "errors alone make no late requests"
    assert feedback(0.0, missed(bad_ratio=1.0)) == pytest.approx(0.25)


def test_feedback_does_not_wind_up_while_the_feed_forward_explains_the_miss_itself() -> None:
    assert feedback(0.1, missed(offered_per_second=900.0), ready=2) == pytest.approx(0.1)


def test_feedback_rises_when_no_capacity_is_known_to_explain_the_miss() -> None:
    assert feedback(0.1, missed(capacity=UNKNOWN)) > 0.1


def test_feedback_falls_slowly_when_the_objective_holds_with_ease() -> None:
    assert feedback(0.1, estimate(), elapsed_seconds=300.0) == pytest.approx(0.08)


def test_feedback_stays_when_the_objective_holds_narrowly_or_nothing_is_known() -> None:
    assert feedback(0.1, estimate(bad_ratio=0.009)) == 0.1
    assert feedback(0.1, estimate(verdict=Verdict.TOO_FEW_REQUESTS)) == 0.1


@given(st.floats(-0.2, 1.0), st.sampled_from(Verdict), st.floats(0, 1), st.floats(0, 1e6))
def test_feedback_never_leaves_its_bounds(previous: float, verdict: Verdict, bad: float, elapsed: float) -> None:
    found = feedback(previous, estimate(verdict=verdict, bad_ratio=bad), elapsed_seconds=elapsed)

    assert -0.2 <= found <= 1.0


def test_without_traffic_the_least_is_wanted_that_the_spec_allows() -> None:
    idle = spec(replicas={"min": 3, "max": 9})

    fallen = decide.propose_idle_replicas(idle, workload(desired_replicas=7))
    assert (fallen.wanted, fallen.reason) == (3, Reason.DEMAND_FELL)
    resting = decide.propose_idle_replicas(idle, workload(desired_replicas=3))
    assert (resting.wanted, resting.reason) == (3, Reason.ALREADY_OPTIMAL)


@pytest.mark.parametrize(
    ("found", "trim", "wanted", "reason"),
    [
        pytest.param(estimate(offered_per_second=200.0), 0.0, 2, Reason.ALREADY_OPTIMAL, id="exactly enough"),
        pytest.param(estimate(offered_per_second=201.0), 0.0, 3, Reason.DEMAND_ROSE, id="a little more"),
        pytest.param(estimate(offered_per_second=1.0), 0.0, 1, Reason.DEMAND_FELL, id="next to nothing"),
        pytest.param(estimate(offered_per_second=0.0), 0.0, 1, Reason.DEMAND_FELL, id="never below one"),
        pytest.param(estimate(offered_per_second=200.0, imbalance=1.5), 0.0, 3, Reason.DEMAND_ROSE, id="busiest pod"),
        pytest.param(estimate(offered_per_second=200.0), 0.5, 3, Reason.DEMAND_ROSE, id="trimmed up"),
        pytest.param(estimate(offered_per_second=1000.0), -0.2, 8, Reason.DEMAND_ROSE, id="trimmed down"),
        pytest.param(missed(offered_per_second=400.0), 0.0, 4, Reason.OBJECTIVE_MISSED, id="objective missed"),
    ],
)
def test_replicas_are_the_offered_load_over_what_a_pod_carries(
    found: Estimate, trim: float, wanted: int, reason: Reason
) -> None:
    proposal = decide.propose_replicas(found, workload(desired_replicas=2), trim)

    assert (proposal.current, proposal.wanted, proposal.reason) == (2, wanted, reason)


def test_a_missed_objective_asks_for_a_quarter_more_pods_where_capacity_is_unknown() -> None:
    blind = missed(capacity=UNKNOWN)

    assert decide.propose_replicas(blind, workload(desired_replicas=2), 0.0).wanted == 3
    assert decide.propose_replicas(blind, workload(desired_replicas=8), 0.0).wanted == 10


def test_nothing_is_wanted_where_capacity_is_unknown_and_the_objective_holds() -> None:
    proposal = decide.propose_replicas(estimate(capacity=UNKNOWN), workload(), 0.0)

    assert (proposal.wanted, proposal.reason) == (2, Reason.CAPACITY_UNKNOWN)


def threads(found: Estimate, trim: float = 0.0, **fields: Any) -> Proposal:
    proposal = decide.propose_threads(found, spec(**fields), trim)
    assert proposal is not None
    return proposal


def test_threads_are_not_proposed_where_service_time_or_pool_is_unknown() -> None:
    assert decide.propose_threads(estimate(capacity=capacity(service_seconds=None)), spec(), 0.0) is None
    assert decide.propose_threads(estimate(capacity=capacity(threads=None)), spec(), 0.0) is None


def test_threads_follow_littles_law_at_the_fewest_pods_that_cpu_allows() -> None:
    proposal = threads(estimate(offered_per_second=1000.0, capacity=capacity(cpu_safe_per_second=500.0)))

    assert proposal.wanted == threads_for(1000 / 2 * 0.1)
    assert proposal.reason is Reason.THREADS_BIND


def test_threads_stay_within_the_bounds_of_the_spec() -> None:
    busy = estimate(offered_per_second=100_000.0)

    assert threads(busy, thread_pool={"min": 4, "max": 64}).wanted == 64
    assert threads(estimate(capacity=capacity(threads=2)), thread_pool={"min": 30, "max": 64}).wanted == 30


def test_a_pool_does_not_shrink_because_load_is_low() -> None:
    proposal = threads(estimate(offered_per_second=1.0))

    assert (proposal.wanted, proposal.reason) == (40, Reason.ALREADY_OPTIMAL)


def test_a_pool_above_the_maximum_of_the_spec_shrinks_to_it() -> None:
    assert threads(estimate(), thread_pool={"min": 4, "max": 20}).wanted == 20


def test_a_pool_shrinks_where_requests_compute() -> None:
    computing = estimate(capacity=capacity(cpu_seconds_per_request=0.08))

    assert threads(computing).wanted == 4


def test_a_larger_pool_saves_the_pods_that_its_threads_replace() -> None:
    found = estimate(offered_per_second=1000.0)
    proposal = threads(found)

    before = decide.feed_forward_replicas(found)
    assert before == 10
    assert proposal.saves_pods == before - 1, "one pod with enough threads carries it all"


def test_cpu_limits_how_many_pods_a_larger_pool_saves() -> None:
    found = estimate(offered_per_second=1000.0, capacity=capacity(cpu_safe_per_second=250.0))

    assert threads(found).saves_pods == 10 - 4


def test_a_pool_saves_no_pods_below_the_minimum_or_where_replicas_are_off() -> None:
    found = estimate(offered_per_second=1000.0)

    assert threads(found, replicas={"min": 10, "max": 20}).saves_pods == 0
    assert threads(found, replicas={"mode": "Off", "min": 1, "max": 20}).saves_pods == 0


@given(
    st.floats(0, 1e5), st.floats(0, 1e5), st.floats(-0.2, 1), st.integers(1, 50), st.floats(0.1, 1e4), st.floats(1, 2)
)
def test_more_demand_never_asks_for_fewer_replicas(
    left: float, right: float, trim: float, current: int, safe: float, imbalance: float
) -> None:
    low, high = sorted((left, right))
    pod = capacity(thread_safe_per_second=safe)

    def wanted(offered: float) -> int:
        found = estimate(offered_per_second=offered, capacity=pod, imbalance=imbalance)
        return decide.propose_replicas(found, workload(desired_replicas=current), trim).wanted

    assert wanted(low) <= wanted(high)


def limit(found: Estimate, current: int | None = None, **bounds: Any) -> Proposal:
    proposal = decide.propose_limit_concurrency(found, spec(uvicorn={"limit_concurrency": bounds}), current)
    assert proposal is not None
    return proposal


def test_whoever_is_admitted_under_the_limit_still_makes_the_objective() -> None:
    # 400 requests/s for the 0.4 s between service time and objective, nine tenths of it, and the pool itself.
    admitted = 40 + math.floor(0.9 * 400 * 0.4)

    assert limit(estimate()).wanted == 2 * admitted


def test_no_queue_is_admitted_where_the_service_time_alone_breaks_the_objective() -> None:
    assert limit(estimate(capacity=capacity(service_seconds=0.9))).wanted == 2 * 40


def test_the_limit_counts_one_request_at_a_time_where_the_pool_is_unknown() -> None:
    blind = capacity(threads=None, thread_saturated_per_second=None, cpu_saturated_per_second=10.0)

    assert limit(estimate(capacity=blind)).wanted == max(10, 2 * (1 + math.floor(0.9 * 10 * 0.4)))


def test_the_limit_stays_within_the_bounds_of_the_spec() -> None:
    assert limit(estimate(), min=10, max=50).wanted == 50
    assert limit(estimate(), min=1000, max=2000).wanted == 1000


@pytest.mark.parametrize("unknown", [{"service_seconds": None}, {"thread_saturated_per_second": None}])
def test_no_limit_is_proposed_where_capacity_is_unknown(unknown: dict[str, Any]) -> None:
    found = estimate(capacity=replace(capacity(), **unknown))

    assert decide.propose_limit_concurrency(found, spec(), None) is None


def test_fixed_settings_are_proposed_only_where_they_are_asked_for() -> None:
    asked = spec(uvicorn={"timeout_keep_alive": {"mode": "Auto", "seconds": 30}})

    (proposal,) = decide.propose_fixed(asked, Settings(timeout_keep_alive_seconds=5))

    assert (proposal.knob, proposal.current, proposal.wanted) == (Knob.TIMEOUT_KEEP_ALIVE, 5, 30)
    assert proposal.reason is Reason.REQUESTED_BY_SPEC
    assert decide.propose_fixed(spec(), Settings()) == ()


def test_a_limit_on_requests_per_process_is_proposed_as_the_spec_says() -> None:
    asked = spec(uvicorn={"limit_max_requests": {"mode": "Recommend", "requests": 5000}})

    (proposal,) = decide.propose_fixed(asked, Settings())

    assert (proposal.knob, proposal.current, proposal.wanted) == (Knob.LIMIT_MAX_REQUESTS, None, 5000)
