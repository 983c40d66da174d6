"""How many threads: Little's law at the load that CPU lets a pod carry."""

import math
from datetime import timedelta
from typing import Any

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.capacity import threads_for
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.observation import Observation
from fastapi_tuning.control.replicas import feed_forward
from fastapi_tuning.control.threads import propose_threads, relieved
from tests.unit.control.builders import (
    NO_DATA,
    NOW,
    capacity,
    estimate,
    observation,
    pod_traffic,
    proposal,
    spec,
    traffic,
    workload,
)


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


MIB = 2**20
POOL = proposal(40, 40, knob=Knob.THREADS, reason=Reason.ALREADY_OPTIMAL)


def filled(share: float | None, **changes: Any) -> Observation:
    """A container with a limit of 100 MiB."""
    used = None if share is None else share * 100 * MIB
    signals = traffic(pods=(pod_traffic(resident_bytes=used), pod_traffic(resident_bytes=10.0 * MIB)))
    return observation(signals=signals, workload=workload(**{"memory_limit_bytes": 100.0 * MIB, **changes}))


def relief(seen: Observation, found: Estimate | None = None, wish: Proposal = POOL, **fields: Any) -> Proposal:
    return relieved(wish, found or estimate(), seen, spec(**fields))


def test_a_container_near_its_memory_limit_gets_a_quarter_fewer_threads() -> None:
    assert relief(filled(0.89)) is POOL
    found = relief(filled(0.9))
    assert (found.wanted, found.reason) == (30, Reason.MEMORY_SHORT)
    assert "90%" in found.message


def test_so_does_one_that_was_killed_for_its_memory_lately_whatever_it_uses_now() -> None:
    killed = {"out_of_memory_time": NOW - timedelta(minutes=5)}

    assert relief(filled(0.2, **killed)).wanted == 30
    unknown = relief(filled(None, **killed))
    assert (unknown.wanted, unknown.message.split(",")[0]) == (30, "a container was killed for its memory")


def test_the_load_keeps_the_threads_that_it_needs_alone() -> None:
    """500 requests/s over two pods, 100 ms each."""
    needed = threads_for(25.0)

    assert relief(filled(0.95), estimate(offered_per_second=500.0)).wanted == max(30, needed)
    assert relief(filled(0.95), estimate(offered_per_second=700.0)) is POOL
    assert relief(filled(0.95), thread_pool={"min": 38, "max": 90}).wanted == 38


def test_what_would_shrink_further_anyway_is_left_to_its_own_reason() -> None:
    fewer = proposal(40, 4, knob=Knob.THREADS, reason=Reason.THREADS_BIND)

    assert relief(filled(0.95), wish=fewer) is fewer


def test_a_pool_grows_no_more_where_memory_is_short() -> None:
    more = proposal(40, 80, knob=Knob.THREADS, reason=Reason.THREADS_BIND)

    assert relief(filled(0.95), wish=more).wanted == 30


def test_without_traffic_or_a_known_size_nothing_is_relieved() -> None:
    unknown = proposal(None, 40, knob=Knob.THREADS, reason=Reason.THREADS_BIND)
    blind = estimate(capacity=capacity(service_seconds=None))

    assert relief(observation(signals=NO_DATA)) is POOL
    assert relief(filled(0.95), wish=unknown) is unknown
    assert relief(filled(0.95), blind) is POOL
    assert relief(filled(0.95, memory_limit_bytes=None)) is POOL
