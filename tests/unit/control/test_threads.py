"""How many threads: Little's law at the load that CPU lets a pod carry."""

import math
from typing import Any

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.capacity import threads_for
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.knobs import Proposal
from fastapi_tuning.control.replicas import feed_forward
from fastapi_tuning.control.threads import propose_threads
from tests.unit.control.builders import capacity, estimate, spec, workload


def threads(found: Estimate, trim: float = 0.0, *, on_trial: bool = False, **fields: Any) -> Proposal:
    proposal = propose_threads(found, workload(desired_replicas=4), spec(**fields), trim, on_trial=on_trial)
    assert proposal is not None
    return proposal


def grown(busy: float) -> int:
    """What a pool that is too small grows to: what it needs and 15 %."""
    return math.ceil(1.15 * threads_for(busy))


def test_a_pool_of_just_the_right_size_stays_and_one_thread_less_grows_past_it() -> None:
    needed = threads_for(500 * 0.1)

    def with_pool(size: int) -> int:
        return threads(estimate(capacity=capacity(threads=size, cpu_safe_per_second=500.0))).wanted

    assert with_pool(needed) == needed
    assert with_pool(needed - 1) == grown(500 * 0.1)


def test_threads_are_not_proposed_where_service_time_or_pool_is_unknown() -> None:
    for blind in (capacity(service_seconds=None), capacity(threads=None)):
        assert propose_threads(estimate(capacity=blind), workload(), spec(), 0.0, on_trial=False) is None


def test_threads_follow_littles_law_at_the_load_that_cpu_lets_a_pod_carry_whatever_it_carries_now() -> None:
    pod = capacity(cpu_safe_per_second=500.0)

    for offered in (1.0, 1000.0):
        proposal = threads(estimate(offered_per_second=offered, capacity=pod))
        assert (proposal.wanted, proposal.reason) == (grown(500 * 0.1), Reason.THREADS_BIND)


def test_where_cpu_is_unknown_they_follow_the_expected_load_of_the_fewest_pods() -> None:
    busy = estimate(offered_per_second=1000.0)

    assert threads(busy).wanted == grown(1000 * 0.1)
    assert threads(busy, replicas={"min": 2, "max": 9}).wanted == grown(500 * 0.1)
    assert threads(busy, replicas={"mode": "Off", "min": 1, "max": 9}).wanted == 40, "four pods are there to stay"


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
    assert threads(estimate(capacity=capacity(cpu_seconds_per_request=0.08))).wanted == 4


def test_a_larger_pool_saves_the_pods_that_its_threads_replace() -> None:
    found = estimate(offered_per_second=1000.0)

    before = feed_forward(found)
    assert before == 10
    assert threads(found).saves_pods == before - 1, "one pod with enough threads carries it all"


def test_cpu_limits_how_many_pods_a_larger_pool_saves() -> None:
    found = estimate(offered_per_second=1000.0, capacity=capacity(cpu_safe_per_second=250.0))

    assert threads(found).saves_pods == 10 - 4


def test_a_pool_saves_no_pods_below_the_minimum_or_where_replicas_are_off() -> None:
    found = estimate(offered_per_second=1000.0)

    assert threads(found, replicas={"min": 10, "max": 20}).saves_pods == 0
    assert threads(found, replicas={"mode": "Off", "min": 1, "max": 20}).saves_pods == 0


def test_a_queue_before_slower_threads_is_worth_one_probe_of_a_quarter_more() -> None:
    slow = estimate(waiting=10.0, slowdown=1.6)

    proposal = threads(slow)
    assert (proposal.wanted, proposal.reason) == (50, Reason.THREAD_PROBE)
    assert threads(slow, thread_pool={"min": 4, "max": 40}).wanted == 40
    assert threads(slow, on_trial=True).wanted == 40
    assert threads(estimate(waiting=10.0, slowdown=1.4)).wanted == 40
    assert threads(estimate(waiting=10.0)).wanted == 40
    assert threads(estimate(slowdown=1.6)).wanted == 40
