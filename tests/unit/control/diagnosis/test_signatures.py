"""Each signature by itself: when it speaks, how sure it is, and when it has nothing to say."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fastapi_tuning.api.status import FactorWatch, Growth, LimitingFactor
from fastapi_tuning.control.diagnosis.case import Case, rise
from fastapi_tuning.control.diagnosis.cold_pods import cold_pods
from fastapi_tuning.control.diagnosis.cpu import cpu
from fastapi_tuning.control.diagnosis.database_pool import database_pool
from fastapi_tuning.control.diagnosis.diagnose import SIGNATURES
from fastapi_tuning.control.diagnosis.downstream import downstream
from fastapi_tuning.control.diagnosis.errors import application_errors
from fastapi_tuning.control.diagnosis.event_loop import event_loop_blocked
from fastapi_tuning.control.diagnosis.imbalance import imbalance
from fastapi_tuning.control.diagnosis.memory import memory
from fastapi_tuning.control.diagnosis.peers import database, external_api, slower
from fastapi_tuning.control.diagnosis.threads import thread_pool
from fastapi_tuning.control.diagnosis.traffic import traffic_only
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import PodTraffic, Unschedulable
from tests.unit.control.builders import NOW, ago, capacity, estimate, samples
from tests.unit.control.diagnosis.services import (
    MIB,
    blocking,
    case,
    confidence,
    connections,
    dependencies,
    experienced,
    observed,
    peer,
    pods,
    query,
    queueing,
    requests,
)

MISSED = {"verdict": Verdict.MISSED, "bad_ratio": 0.4}


def estimated(seen: Case, **changes: Any) -> Case:
    """The same case with another estimate; two pods that carry 100 requests/s each by their threads."""
    return replace(seen, found=estimate(**changes))


WELL = case(observed())


@pytest.mark.parametrize("signature", SIGNATURES)
def test_no_signature_fits_a_service_that_is_well(signature: Any) -> None:
    assert signature(WELL) is None


def test_a_rise_is_a_line_between_nothing_and_all() -> None:
    assert [rise(value, 1.0, 3.0) for value in (0.0, 1.0, 2.0, 3.0, 9.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]


# ThreadPool


def test_a_queue_for_threads_says_more_when_the_objective_is_missed() -> None:
    queue = {"waiting": 30.0, "busy_threads": 40.0}

    missed, met = estimated(WELL, **queue, **MISSED), estimated(WELL, **queue)

    assert confidence(thread_pool(missed)) > confidence(thread_pool(met)) > 0.5


def test_a_limit_that_refuses_requests_does_not_hide_a_full_pool() -> None:
    full = estimated(WELL, shedding=True, busy_threads=39.0)
    half = estimated(WELL, shedding=True, busy_threads=20.0)

    assert confidence(thread_pool(full)) > 0.5
    assert thread_pool(half) is None
    assert thread_pool(estimated(WELL, shedding=True)) is None


def test_threads_alone_do_not_mend_a_request_that_takes_longer_than_the_objective() -> None:
    queue = {"waiting": 30.0, "busy_threads": 40.0, **MISSED}
    slow = case(observed(requests(pods=pods(thread_seconds_per_request=0.9))))

    assert confidence(thread_pool(estimated(slow, **queue))) < confidence(thread_pool(estimated(WELL, **queue)))


def test_the_time_in_a_thread_is_told_from_the_queue_in_young_pods_too() -> None:
    queue = {"waiting": 30.0, "busy_threads": 40.0, **MISSED}
    young = requests(2.0, pods=pods(thread_seconds_per_request=0.2, ready_seconds=20.0))

    assert confidence(thread_pool(estimated(case(observed(young)), **queue))) == 0.9


def test_a_pool_that_is_loaded_beyond_its_safe_rate_is_named_before_requests_are_late() -> None:
    assert confidence(thread_pool(estimated(WELL, offered_per_second=210.0))) == 0.5
    assert confidence(thread_pool(estimated(WELL, offered_per_second=210.0, **MISSED))) == 0.7
    assert thread_pool(estimated(WELL, offered_per_second=190.0)) is None


def test_a_pool_of_unknown_size_limits_nothing() -> None:
    unknown = capacity(threads=None, thread_safe_per_second=None)

    assert thread_pool(estimated(WELL, capacity=unknown, **MISSED)) is None


def test_doubts_that_a_miss_raised_do_not_make_pods_full() -> None:
    """A database makes the law doubt its pods; half of their safe rate is still what they carry."""
    doubted = capacity(correction=0.5, thread_safe_per_second=50.0)

    assert estimated(WELL, capacity=doubted, offered_per_second=150.0).load_share == 0.75


# CPU

COMPUTES = capacity(cpu_seconds_per_request=0.05, cpu_safe_per_second=50.0)
WAITS = capacity(cpu_seconds_per_request=0.049, cpu_safe_per_second=50.0)


def test_cpu_is_named_by_its_use_or_by_its_load() -> None:
    assert confidence(cpu(estimated(WELL, cpu_utilisation=0.97, **MISSED))) == pytest.approx(0.95)
    assert confidence(cpu(estimated(WELL, cpu_utilisation=0.97))) == pytest.approx(0.7)
    assert cpu(estimated(WELL, cpu_utilisation=0.7)) is None
    assert cpu(estimated(WELL, capacity=capacity(cpu_seconds_per_request=None))) is None


def test_requests_that_compute_wait_for_the_core_though_it_idles_between_bursts() -> None:
    """Half of their time, 50 of them a second and pod."""
    assert confidence(cpu(estimated(WELL, capacity=COMPUTES, offered_per_second=110.0, **MISSED))) == 0.75
    assert confidence(cpu(estimated(WELL, capacity=COMPUTES, slowdown=2.0, **MISSED))) == 0.75
    assert confidence(cpu(estimated(WELL, capacity=COMPUTES, waiting=9.0, **MISSED))) == 0.75
    assert confidence(cpu(estimated(WELL, capacity=COMPUTES, offered_per_second=90.0, **MISSED))) == 0.5
    assert confidence(cpu(estimated(WELL, capacity=COMPUTES, offered_per_second=110.0))) == 0.5
    assert cpu(estimated(WELL, capacity=COMPUTES, offered_per_second=90.0)) is None
    assert cpu(estimated(WELL, capacity=WAITS, offered_per_second=110.0)) is None, "only many of them: TrafficOnly"
    assert downstream(estimated(WELL, capacity=COMPUTES, slowdown=2.0, cpu_utilisation=0.2, **MISSED)) is None


# EventLoopBlocked


def test_a_blocking_line_is_named_from_two_percent_on_when_requests_are_late() -> None:
    late = estimated(WELL, **MISSED)

    assert event_loop_blocked(replace(late, blocking=blocking(0.019))) is None
    assert confidence(event_loop_blocked(replace(late, blocking=blocking(0.02)))) == 0.5
    assert confidence(event_loop_blocked(replace(late, blocking=blocking(0.3)))) == pytest.approx(0.95)


def test_a_blocking_line_that_harms_nobody_is_named_only_when_it_blocks_most_of_the_time() -> None:
    assert event_loop_blocked(replace(WELL, blocking=blocking(0.3))) is None
    assert confidence(event_loop_blocked(replace(WELL, blocking=blocking(0.6)))) == 0.6


# Database and ExternalAPI


def late(**changes: Any) -> Case:
    """Requests are late, and wait for neither threads nor CPU."""
    return case(observed(requests(0.2, average_latency_seconds=0.4, pods=pods()), **changes))


def test_a_peer_is_named_by_its_kind() -> None:
    slow = {"seconds_per_second": 9.0, "in_flight": 9.0}

    assert external_api(late(dependencies=dependencies(peer(**slow)))) is not None
    assert database(late(dependencies=dependencies(peer(**slow)))) is None
    assert database(late(dependencies=dependencies(query(**slow)))) is not None
    assert database(late(dependencies=dependencies(query(**slow, kind="Cache", peer="redis:6379")))) is not None


def test_what_takes_too_long_in_itself_is_named_whatever_else_waits() -> None:
    full = requests(0.4, requests_per_second=160.0, pods=queueing(thread_seconds_per_request=0.5))
    long = dependencies(peer(seconds_per_second=0.42 * 160, calls_per_second=6400.0, in_flight=64.0))
    short = dependencies(peer(seconds_per_second=0.2 * 160, calls_per_second=3200.0, in_flight=32.0))

    usual = experienced(alone_seconds=0.5)

    assert confidence(external_api(case(observed(full, dependencies=long), usual))) > 0.9
    assert external_api(case(observed(full, dependencies=short), usual)) is None


def test_a_peer_that_is_slower_than_it_was_is_named() -> None:
    full = requests(0.4, requests_per_second=160.0, pods=queueing(thread_seconds_per_request=0.25))
    slow = dependencies(query(seconds_per_second=20.0, calls_per_second=160.0, in_flight=20.0))
    found = case(observed(full, dependencies=slow), experienced(alone_seconds=0.25))

    assert slower(slow.peers[0], found) == pytest.approx(12.5)
    assert confidence(database(found)) == pytest.approx(0.95)
    forgotten = found.history.learned.model_copy(update={"peers": ()})
    unknown = replace(found, history=experienced(learned=forgotten))
    assert slower(slow.peers[0], unknown) is None
    assert database(unknown) is None


def test_a_peer_that_nobody_calls_is_neither_slow_nor_quick() -> None:
    assert slower(peer(calls_per_second=0.0), WELL) is None


def test_calls_that_hang_are_counted_though_none_has_ended() -> None:
    hanging = dependencies(peer(calls_per_second=0.0, seconds_per_second=0.0, in_flight=60.0))

    assert confidence(external_api(late(dependencies=hanging))) > 0.8
    assert external_api(late(dependencies=dependencies(peer(seconds_per_second=0.0, in_flight=4.0)))) is None


def test_where_more_pods_were_in_vain_the_peer_that_takes_most_of_a_request_is_named() -> None:
    full = requests(0.4, requests_per_second=160.0, pods=queueing(thread_seconds_per_request=0.1))
    half = dependencies(query(seconds_per_second=7.5, calls_per_second=500.0, in_flight=7.5))
    found = case(observed(full, dependencies=half))

    assert database(found) is None
    in_vain = replace(found, history=experienced(replica_growth=Growth(strikes=1, base=1)))
    assert confidence(database(in_vain)) > 0.7
    as_ever = dependencies(query(seconds_per_second=7.5, calls_per_second=750.0, in_flight=7.5))
    assert database(replace(in_vain, dependencies=as_ever)) is None


def test_the_time_without_a_thread_counts_for_a_request_that_needs_none() -> None:
    """A request of 400 ms that is in a thread for 1 ms: 150 ms of calls are not more than all of it."""
    awaiting = requests(0.2, average_latency_seconds=0.4, pods=pods(thread_seconds_per_request=0.001))
    found = case(observed(awaiting, dependencies=dependencies(peer(seconds_per_second=15.0, calls_per_second=100.0))))

    known = found.history.learned.model_copy(update={"peers": ()})

    assert 0 < confidence(external_api(replace(found, history=experienced(learned=known)))) < 0.5


def test_a_peer_whose_failures_are_ours_is_named() -> None:
    failing = requests(failed_per_second=10.0, pods=pods())
    theirs = case(observed(failing, dependencies=dependencies(peer(failed_per_second=10.0))))
    ours = case(observed(failing, dependencies=dependencies(peer(failed_per_second=1.0))))

    assert confidence(external_api(theirs)) == pytest.approx(0.95)
    assert external_api(ours) is None
    assert external_api(late(dependencies=dependencies(peer(failed_per_second=10.0)))) is None


# DatabasePool

SHORT = connections(checked_out=30.0, waiting=20.0, wait_seconds_per_second=30.0)


def test_the_wait_for_a_connection_is_named_and_more_so_when_requests_are_late() -> None:
    assert confidence(database_pool(late(dependencies=dependencies(SHORT)))) == pytest.approx(0.95)
    assert confidence(database_pool(replace(WELL, dependencies=dependencies(SHORT)))) == pytest.approx(0.55)
    burst = dependencies(replace(SHORT, wait_seconds_per_second=0.5))
    assert database_pool(replace(WELL, dependencies=burst)) is None
    assert database_pool(late(dependencies=burst)) is not None
    assert database_pool(replace(WELL, dependencies=None)) is None
    assert database_pool(replace(WELL, dependencies=dependencies())) is None


def test_connections_that_are_left_over_or_pods_that_brought_nothing_speak_against_the_pool() -> None:
    sure = confidence(database_pool(late(dependencies=dependencies(SHORT))))
    left_over = replace(SHORT, checked_out=10.0)
    in_vain = replace(
        late(dependencies=dependencies(SHORT)), history=experienced(replica_growth=Growth(strikes=1, base=1))
    )

    assert confidence(database_pool(late(dependencies=dependencies(left_over)))) < sure
    assert confidence(database_pool(in_vain)) < sure


# Downstream


def test_growth_that_is_frozen_or_requests_that_are_slow_on_idle_cores_point_behind_the_pods() -> None:
    frozen = experienced(replica_growth=Growth(cap=1, frozen_until=ago(-60)))
    slow = {"slowdown": 2.0, "cpu_utilisation": 0.2, **MISSED}

    assert confidence(downstream(replace(estimated(WELL, **MISSED), history=frozen))) == 0.75
    assert confidence(downstream(estimated(WELL, **slow))) == 0.6
    assert downstream(replace(WELL, history=frozen)) is None
    assert downstream(estimated(WELL, **MISSED)) is None


def test_refusing_alone_does_not_point_behind_the_pods() -> None:
    assert downstream(estimated(WELL, shedding=True, cpu_utilisation=0.2)) is None


# Memory


def used(share: float, killed: timedelta | None = None) -> Case:
    time = None if killed is None else NOW - killed
    full = requests(pods=pods(resident_bytes=share * 100 * MIB))
    return case(observed(full, memory_limit_bytes=100.0 * MIB, out_of_memory_time=time))


def test_memory_is_named_near_its_limit_and_for_ten_minutes_after_a_container_was_killed_at_it() -> None:
    assert memory(used(0.88)) is None
    assert confidence(memory(used(0.97))) == pytest.approx(0.9)
    assert confidence(memory(used(0.1, timedelta(minutes=10)))) == 0.95
    assert memory(used(0.1, timedelta(minutes=11))) is None


def test_a_container_without_limit_that_was_killed_is_named_all_the_same() -> None:
    killed = case(observed(out_of_memory_time=NOW))

    assert confidence(memory(killed)) == 0.95


# Imbalance


def shared(*rates: float, **changes: Any) -> Case:
    each = tuple(
        replace(pods(**changes)[0], pod=f"pod-{index}", served_per_second=rate) for index, rate in enumerate(rates)
    )
    return replace(WELL, traffic=requests(0.3, requests_per_second=sum(rates), pods=each), found=estimate(**MISSED))


def test_one_full_pod_among_others_with_room_is_named() -> None:
    """A pod carries 100 requests/s."""
    assert confidence(imbalance(shared(110.0, 20.0))) == pytest.approx(0.9)
    assert imbalance(shared(110.0)) is None
    assert imbalance(shared(110.0, 108.0)) is None
    assert imbalance(replace(shared(110.0, 20.0), found=estimate())) is None


def test_a_queue_in_one_pod_beside_idle_threads_needs_no_known_capacity() -> None:
    found = shared(75.0, 15.0)
    hot, cool = found.traffic.pods
    hot, cool = (replace(pod, threads=40, threads_busy=busy) for pod, busy in ((hot, 40.0), (cool, 1.0)))

    def of(*each: PodTraffic) -> float:
        return confidence(imbalance(replace(found, traffic=replace(found.traffic, pods=each))))

    assert of(replace(hot, threads_waiting=50.0), cool) == 1.0
    assert of(replace(hot, threads_waiting=50.0), replace(cool, threads_waiting=50.0)) < 0.5
    assert of(replace(hot, threads_waiting=50.0), replace(cool, threads_busy=30.0)) < 0.5
    assert of(replace(hot, threads_waiting=50.0), replace(cool, threads=None)) < 0.5
    assert of(hot, cool) < 0.5


def test_an_uneven_load_that_fills_no_pod_says_little() -> None:
    assert imbalance(shared(60.0, 40.0)) is None
    assert 0 < confidence(imbalance(shared(80.0, 10.0, 10.0))) < 0.5


def test_pods_that_are_younger_than_the_window_are_not_compared() -> None:
    assert imbalance(shared(110.0, 20.0, ready_seconds=59.0)) is None
    assert imbalance(shared(110.0, 20.0, ready_seconds=None)) is not None


# ColdPods


def test_young_pods_are_named_when_they_serve_a_good_part_of_the_requests() -> None:
    young = requests(0.2, pods=(*pods(count=1), *pods(count=1, ready_seconds=20.0)))
    found = replace(WELL, traffic=young, found=estimate(**MISSED))

    assert confidence(cold_pods(found)) == pytest.approx(0.8)
    assert confidence(cold_pods(replace(found, found=estimate(offered_per_second=300.0, **MISSED)))) == 0.4
    assert cold_pods(replace(found, found=estimate())) is None
    assert cold_pods(replace(found, traffic=replace(young, pods=()))) is None


def test_cold_pods_are_hardly_to_blame_where_a_queue_explains_it_or_no_warm_pod_does_better() -> None:
    mixed = requests(0.2, pods=(*pods(count=1), *pods(count=1, ready_seconds=20.0)))
    found = replace(WELL, traffic=mixed, found=estimate(**MISSED))
    all_young = replace(mixed, pods=pods(ready_seconds=20.0))

    assert confidence(cold_pods(replace(found, found=estimate(waiting=100.0, **MISSED)))) == 0.4
    assert confidence(cold_pods(replace(found, traffic=all_young))) == 0.4


def test_pods_that_were_added_because_of_something_else_are_not_its_cause() -> None:
    young = requests(0.2, pods=(*pods(count=1), *pods(count=1, ready_seconds=20.0)))
    found = replace(WELL, traffic=young, found=estimate(**MISSED))
    full = replace(found, history=experienced(factor=FactorWatch(factor=LimitingFactor.CPU)))

    assert confidence(cold_pods(full)) == confidence(cold_pods(found)) / 2


def starting(offered: float, **changes: Any) -> Case:
    seen = observed(desired_replicas=4, ready_replicas=2, **changes)
    return estimated(case(seen), offered_per_second=offered, **MISSED)


def test_pods_that_would_carry_the_load_and_take_long_to_start_are_named() -> None:
    assert confidence(cold_pods(starting(300.0))) == 0.7
    asked = replace(starting(300.0), history=experienced(last_scale_up_time=ago(59)))
    assert confidence(cold_pods(asked)) == 0.35
    assert cold_pods(starting(150.0)) is None, "the ready ones carry it"
    assert cold_pods(starting(500.0)) is None, "all of them do not"
    unknown = capacity(thread_safe_per_second=None)
    assert cold_pods(replace(starting(300.0), found=estimate(capacity=unknown, **MISSED))) is None


def test_pods_without_a_node_are_not_starting() -> None:
    assert cold_pods(starting(300.0, unschedulable=Unschedulable(pods=2, message="no room"))) is None


# ApplicationErrors


def failing(per_second: float, **changes: Any) -> Case:
    seen = observed(requests(failed_per_second=per_second, pods=pods(), **changes))
    return replace(case(seen), found=estimate(verdict=Verdict.MISSED))


def test_errors_are_named_by_how_far_they_exceed_what_is_allowed() -> None:
    assert confidence(application_errors(failing(1.0))) == pytest.approx(0.95)
    assert 0.6 < confidence(application_errors(failing(0.4))) < 0.95
    assert application_errors(failing(0.01)) is None


def test_a_service_that_is_late_too_fails_for_another_reason_more_likely() -> None:
    slow = replace(failing(1.0), found=estimate(**MISSED))

    assert confidence(application_errors(slow)) == pytest.approx(0.8 * 0.95)


def test_a_single_error_among_few_requests_is_no_finding() -> None:
    few = replace(failing(1.0), found=estimate(verdict=Verdict.TOO_FEW_REQUESTS))

    assert application_errors(few) is None


# TrafficOnly


def test_load_beyond_what_ready_pods_carry_is_named() -> None:
    assert confidence(traffic_only(estimated(WELL, offered_per_second=210.0))) == 0.45
    assert confidence(traffic_only(estimated(WELL, offered_per_second=210.0, **MISSED))) == 0.6
    slow = estimated(WELL, offered_per_second=210.0, slowdown=2.0, **MISSED)
    assert confidence(traffic_only(slow)) == 0.3
    assert traffic_only(estimated(WELL, capacity=capacity(thread_safe_per_second=None), **MISSED)) is None


def test_the_evidence_of_traffic_names_the_maximum_the_rise_and_pods_without_a_node() -> None:
    grown = replace(
        estimated(WELL, offered_per_second=9000.0, **MISSED),
        history=experienced(loads=samples((60, 100.0))),
        workload=observed(unschedulable=Unschedulable(pods=3, message="Insufficient cpu")).workload,
    )

    found = traffic_only(grown)

    assert found is not None
    assert found.factor is LimitingFactor.TRAFFIC_ONLY
    assert found.confidence == 0.65
    for told in ("the maximum is 20", "from 100.0", "3 pods find no node: Insufficient cpu"):
        assert told in found.evidence


# What a case says of itself


def test_a_service_may_be_late_by_its_average_alone() -> None:
    slow = replace(
        case(observed(requests(average_latency_seconds=0.3)), objectives={"average_latency_milliseconds": 200}),
        found=estimate(verdict=Verdict.MISSED),
    )

    assert slow.is_late
    assert not replace(slow, traffic=requests(average_latency_seconds=0.1)).is_late
