"""Limits that protect a pod: admission, keep-alive, recycling."""

import math
from dataclasses import replace
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import Settings
from fastapi_tuning.control import limits
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.limits import Protection
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import Delivery, Traffic
from tests.unit.control.builders import MISSED, capacity, estimate, pod_traffic, spec, traffic, workload


def limit(
    found: Estimate, seen: Traffic | None = None, protection: Protection = Protection.CONNECTIONS, **bounds: Any
) -> Proposal:
    wish = spec(uvicorn={"limit_concurrency": bounds})
    proposal = limits.propose_limit_concurrency(found, seen or traffic(), wish, None, protection)
    assert proposal is not None
    return proposal


# 400 requests/s for the 0.4 s between service time and objective, nine tenths of it, and the pool itself.
ADMITTED = 40 + math.floor(0.8 * 400 * 0.4)


def test_whoever_is_admitted_under_the_limit_still_makes_the_objective() -> None:
    assert limits.admitted(estimate(), spec()) == ADMITTED
    assert limit(estimate()).wanted == 2 * ADMITTED


def test_the_tail_of_the_service_time_counts_where_it_is_known() -> None:
    found = estimate(capacity=capacity(service_tail_seconds=0.3))

    assert limits.admitted(found, spec()) == 40 + math.floor(0.8 * 400 * 0.2)


def test_no_queue_is_admitted_where_the_service_time_alone_breaks_the_objective() -> None:
    found = estimate(capacity=capacity(service_seconds=0.9, thread_saturated_per_second=40 / 0.9))

    assert limit(found).wanted == 2 * 40


def test_about_one_request_is_served_at_a_time_where_cpu_binds() -> None:
    blind = capacity(threads=None, thread_saturated_per_second=None, cpu_saturated_per_second=10.0)

    assert limit(estimate(capacity=blind)).wanted == max(10, 2 * (1 + math.floor(0.8 * 10 * 0.4)))


def test_under_overload_the_rate_counts_that_is_really_served() -> None:
    starved = replace(MISSED, busiest_per_second=50.0)

    assert limits.admitted(starved, spec()) == 5 + math.floor(0.8 * 50 * 0.4)


def test_the_limit_stays_within_the_bounds_of_the_spec() -> None:
    assert limit(estimate(), min=10, max=50).wanted == 50
    assert limit(estimate(), min=1000, max=2000).wanted == 1000


def test_idle_connections_have_room_under_uvicorns_limit() -> None:
    crowded = traffic(pods=(pod_traffic(open_connections=320.0, requests_in_flight=20.0), pod_traffic()))

    assert limit(estimate(), crowded).wanted == ADMITTED + 2 * 300 + 1


def test_the_agents_limit_counts_requests_and_is_exact_only_where_refusing_is_all_that_helps() -> None:
    crowded = traffic(pods=(pod_traffic(open_connections=320.0, requests_in_flight=20.0),))

    assert limit(estimate(), crowded, Protection.NET).wanted == 2 * ADMITTED
    assert limit(estimate(), crowded, Protection.EXACT).wanted == ADMITTED


def test_a_limit_protects_by_who_applies_it_and_whether_pods_could_help() -> None:
    live, rollout = workload(delivery=Delivery.LIVE), workload(delivery=Delivery.ROLLOUT)

    assert limits.protection_of(live, only_refusing_helps=True) is Protection.EXACT
    assert limits.protection_of(live, only_refusing_helps=False) is Protection.NET
    assert limits.protection_of(rollout, only_refusing_helps=True) is Protection.CONNECTIONS


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, True, id="pods to spare"),
        pytest.param(
            {"replicas": {"min": 1, "max": 2}}, True, id="no pod to spare, threads bind and there may be more"
        ),
        pytest.param({"replicas": {"mode": "Off"}, "thread_pool": {"max": 40}}, False, id="neither"),
        pytest.param({"replicas": {"mode": "Off"}, "thread_pool": {"mode": "Off"}}, False, id="neither is ours"),
    ],
)
def test_a_service_may_grow_by_pods_and_where_threads_bind_by_threads(changes: dict[str, Any], expected: bool) -> None:
    assert limits.may_grow(estimate(), workload(desired_replicas=2), spec(**changes)) is expected


def test_threads_are_no_way_to_grow_where_the_processor_binds() -> None:
    computes = estimate(capacity=replace(capacity(), cpu_safe_per_second=10.0))

    assert not limits.may_grow(computes, workload(), spec(replicas={"mode": "Off"}))


def test_a_pool_in_full_use_serves_at_its_own_rate_however_little_of_the_overload_was_seen_yet() -> None:
    begun: dict[str, Any] = {"verdict": Verdict.MISSED, "busiest_per_second": 100.0}

    assert limits.admitted(estimate(**begun, busy_threads=38.0), spec()) == ADMITTED
    assert limits.admitted(estimate(**begun, busy_threads=10.0), spec()) == 10 + math.floor(0.8 * 100 * 0.4)


@pytest.mark.parametrize("unknown", [{"service_seconds": None}, {"thread_saturated_per_second": None}])
def test_no_limit_is_proposed_where_capacity_is_unknown(unknown: dict[str, Any]) -> None:
    found = estimate(capacity=replace(capacity(), **unknown))

    assert limits.propose_limit_concurrency(found, traffic(), spec(), None, Protection.NET) is None


def keep_alive(
    applied: Settings | None = None, *, least: int = 2, most: int = 75, **changes: Any
) -> tuple[int | None, int] | None:
    pods = (pod_traffic(**{"open_connections": 60.0, "requests_in_flight": 10.0, **changes}),)
    wish = spec(uvicorn={"timeout_keep_alive": {"mode": "Auto", "min": least, "max": most}})
    found = limits.propose_keep_alive(traffic(pods=pods), wish, applied or Settings())
    return None if found is None else (found.current, found.wanted)


def test_keep_alive_doubles_while_connections_are_hardly_reused() -> None:
    assert keep_alive(connections_opened_per_second=20.0) == (5, 10), "uvicorn's own 5 s to begin with"
    assert keep_alive(Settings(timeout_keep_alive_seconds=50), connections_opened_per_second=20.0) == (50, 75)


def test_keep_alive_halves_while_many_connections_idle_even_if_they_are_hardly_reused() -> None:
    many: dict[str, Any] = {"open_connections": 300.0, "connections_opened_per_second": 40.0}

    assert keep_alive(Settings(timeout_keep_alive_seconds=20), **many) == (20, 10)
    limited = Settings(timeout_keep_alive_seconds=20, limit_concurrency=80)
    assert keep_alive(limited) == (20, 10), "50 idle ones are many under a limit of 80"
    assert keep_alive(Settings(timeout_keep_alive_seconds=3), **many) == (3, 2)


@pytest.mark.parametrize("opened", [None, 0.0, 10.0])
def test_keep_alive_stays_where_reuse_is_good_or_unknown(opened: float | None) -> None:
    assert keep_alive(connections_opened_per_second=opened) == (5, 5)


@pytest.mark.parametrize("unknown", [{"open_connections": None}, {"requests_in_flight": None}])
def test_keep_alive_is_left_as_it_is_where_nobody_counts_connections(unknown: dict[str, Any]) -> None:
    assert keep_alive(**unknown) is None


def test_equal_bounds_fix_the_keep_alive_whatever_is_known() -> None:
    assert keep_alive(least=30, most=30, open_connections=None) == (None, 30)


def proposed(**uvicorn: Any) -> dict[Knob, Proposal]:
    applied = Settings(limit_max_requests=7000)
    found = limits.propose_limits(estimate(), traffic(), spec(uvicorn=uvicorn), applied, Protection.NET)
    return {proposal.knob: proposal for proposal in found}


def test_what_the_spec_fixes_is_proposed_only_where_it_is_asked_for() -> None:
    assert set(proposed()) == {Knob.LIMIT_CONCURRENCY}

    found = proposed(
        limit_max_requests={"mode": "Recommend", "requests": 5000},
        timeout_keep_alive={"mode": "Auto", "min": 5, "max": 5},
    )
    recycling = found[Knob.LIMIT_MAX_REQUESTS]
    assert (recycling.current, recycling.wanted, recycling.reason) == (7000, 5000, Reason.REQUESTED_BY_SPEC)
    assert found[Knob.TIMEOUT_KEEP_ALIVE].wanted == 5


def test_a_keep_alive_that_nothing_is_known_of_is_not_proposed() -> None:
    assert Knob.TIMEOUT_KEEP_ALIVE not in proposed(timeout_keep_alive={"mode": "Auto"})
