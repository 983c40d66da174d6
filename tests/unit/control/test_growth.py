"""Did more bring more? Experiments on replicas and threads, freezes, and their end."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from fastapi_tuning.api.status import Experiment, Growth
from fastapi_tuning.control import growth
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.growth import REPLICAS, THREADS, Criterion, cap_of, judged
from fastapi_tuning.control.objective import Verdict
from tests.unit.control.builders import NOW, ago, capacity, estimate

LATER = NOW + timedelta(minutes=5)


def suffering(served: float = 100.0, **changes: Any) -> Estimate:
    return estimate(**{"offered_per_second": served, "verdict": Verdict.MISSED, "bad_ratio": 0.5, **changes})


def running(**changes: Any) -> Growth:
    """From two to four, at 100 served requests/s with half of them late."""
    step = {
        "time": ago(120),
        "from_value": 2,
        "to_value": 4,
        "served_per_second": "100",
        "late_ratio": "0.5",
        **changes,
    }
    return Growth(experiment=Experiment.model_validate(step))


def after(
    state: Growth,
    found: Estimate,
    criterion: Criterion = REPLICAS,
    now: datetime = NOW,
    *,
    settled: bool = True,
    carrying: int | None = None,
) -> Growth:
    return judged(state, found, criterion, now, settled=settled, carrying=carrying)


WAITING_FOR_OTHERS: dict[str, Any] = {"cpu_utilisation": 0.1, "slowdown": 3.0}
"""Idle cores, and requests that take three times as long as alone."""


def test_a_step_up_under_overload_begins_an_experiment() -> None:
    found = growth.begin(Growth(), suffering(queued=7.0), before=2, after=4, now=NOW).experiment

    assert found is not None
    assert (found.time, found.from_value, found.to_value) == (NOW, 2, 4)
    assert (found.served_per_second, found.late_ratio, found.waiting) == ("100", "0.5", "7")


def test_further_steps_belong_to_the_same_experiment() -> None:
    found = growth.begin(running(), suffering(150.0), before=4, after=8, now=NOW).experiment

    assert found is not None
    assert (found.time, found.from_value, found.to_value, found.served_per_second) == (NOW, 2, 8, "100")


def test_steps_that_somebody_else_took_in_between_begin_a_new_one() -> None:
    found = growth.begin(running(), suffering(150.0), before=1, after=2, now=NOW).experiment

    assert found is not None
    assert (found.from_value, found.to_value, found.served_per_second) == (1, 2, "150")


def test_a_step_down_or_without_overload_is_none_and_ends_the_one_before() -> None:
    assert growth.begin(running(), suffering(), before=4, after=3, now=NOW).experiment is None
    assert growth.begin(running(), estimate(), before=4, after=8, now=NOW).experiment is None


def test_an_experiment_is_not_judged_before_everything_settled() -> None:
    assert after(running(), suffering(), settled=False) == running()
    assert after(Growth(), suffering()) == Growth()


def test_more_that_ends_the_overload_has_helped() -> None:
    doubtful = running().model_copy(update={"strikes": 1, "base": 2, "backoff_seconds": 600})

    assert after(doubtful, estimate()) == Growth()


def test_half_of_the_added_capacity_in_use_is_help() -> None:
    assert after(running(), suffering(150.0)) == Growth()


def test_a_fifth_of_it_is_kept_and_nothing_added_for_a_while() -> None:
    found = after(running(), suffering(121.0))

    assert cap_of(found, NOW) == 4
    assert found.strikes == 0


def test_less_is_a_strike_and_two_in_a_row_freeze_growth_at_where_it_began() -> None:
    once = after(running(), suffering(119.0))
    assert (once.strikes, once.base, cap_of(once, NOW)) == (1, 2, None)

    again = once.model_copy(update={"experiment": running(from_value=4, to_value=8).experiment})
    twice = after(again, suffering(119.0))
    assert cap_of(twice, NOW) == 2
    assert twice.frozen_until == NOW + timedelta(minutes=10)


def test_a_late_share_that_fell_by_a_quarter_is_help_whatever_the_throughput() -> None:
    assert after(running(), suffering(bad_ratio=0.37)) == Growth()
    assert after(running(), suffering(bad_ratio=0.38)).strikes == 1


def test_a_queue_for_threads_that_fell_by_half_pays() -> None:
    queued = running(waiting="10")

    assert after(queued, suffering(queued=5.0), THREADS) == Growth()
    assert cap_of(after(queued, suffering(queued=6.0), THREADS), NOW) == 2
    assert cap_of(after(queued, suffering(), THREADS), NOW) == 2
    assert cap_of(after(running(waiting="0"), suffering(queued=0.0), THREADS), NOW) == 2


def test_a_queue_that_moved_into_slow_threads_does_not() -> None:
    assert cap_of(after(running(waiting="10"), suffering(queued=5.0, slowdown=1.6), THREADS), NOW) == 2


def test_threads_must_bring_15_percent_of_their_growth_and_fail_once_only() -> None:
    assert after(running(), suffering(115.1), THREADS) == Growth()
    assert cap_of(after(running(), suffering(114.9), THREADS), NOW) == 2


@pytest.mark.parametrize(
    "found", [suffering(cpu_utilisation=0.81), estimate(verdict=Verdict.TOO_FEW_REQUESTS)], ids=["computing", "silence"]
)
def test_pods_that_compute_or_hardly_serve_prove_nothing_about_what_is_behind_them(found: Estimate) -> None:
    struck = running().model_copy(update={"strikes": 1, "base": 2})

    assert after(struck, found) == Growth(strikes=1, base=2)
    assert after(running(), suffering(cpu_utilisation=0.8)).strikes == 1


def test_pods_that_carry_all_they_can_prove_nothing_either_whatever_was_thought_of_them() -> None:
    """A pod's threads carry 100 requests/s, halved by doubts; new pods wait for keep-alive connections."""
    doubted = capacity(thread_safe_per_second=50.0, correction=0.5)

    assert after(running(), suffering(busiest_per_second=101.0, capacity=doubted)) == Growth()
    assert after(running(), suffering(busiest_per_second=99.0, capacity=doubted)).strikes == 1


def test_one_failure_is_enough_where_cores_idle_and_requests_take_longer_than_alone() -> None:
    assert cap_of(after(running(), suffering(119.0, **WAITING_FOR_OTHERS)), NOW) == 2
    assert cap_of(after(running(), suffering(149.0, **WAITING_FOR_OTHERS)), NOW) == 2


def test_where_requests_are_refused_only_the_throughput_counts() -> None:
    """A limit makes the others faster; more pods do not need to have anything to do with it."""
    assert after(running(), suffering(bad_ratio=0.0, shedding=True)).strikes == 1
    assert after(running(), suffering(150.0, bad_ratio=0.0, shedding=True)) == Growth()


@pytest.mark.parametrize(("carrying", "cap"), [(1, 1), (3, 3), (9, 4)])
def test_the_first_freeze_tries_what_carries_the_load_by_itself(carrying: int, cap: int) -> None:
    assert cap_of(after(running(), suffering(**WAITING_FOR_OTHERS), carrying=carrying), NOW) == cap


@pytest.mark.parametrize(("carrying", "cap"), [(1, 2), (3, 3)])
def test_later_ones_go_back_to_where_the_step_began(carrying: int, cap: int) -> None:
    tried_before = frozen(experiment=running().experiment)

    assert cap_of(after(tried_before, suffering(**WAITING_FOR_OTHERS), carrying=carrying), NOW) == cap


def taken_back() -> Growth:
    """From four to one, at 100 served requests/s, in a freeze that is not over."""
    return frozen(cap=1, frozen_until=LATER, experiment=running(from_value=4, to_value=1, late_ratio="0.1").experiment)


def test_taking_back_is_an_experiment_of_its_own() -> None:
    found = growth.begin(frozen(frozen_until=LATER), suffering(), before=4, after=3, now=NOW)
    further = growth.begin(found, suffering(90.0), before=3, after=2, now=NOW).experiment

    assert further is not None
    assert (further.from_value, further.to_value, further.served_per_second) == (4, 2, "100")


def test_a_step_up_within_a_freeze_is_none() -> None:
    assert growth.begin(taken_back(), suffering(), before=1, after=2, now=NOW).experiment is None


def test_what_was_taken_back_stays_away_when_as_much_is_served() -> None:
    for found in (suffering(90.0), estimate(offered_per_second=50.0)):
        assert after(taken_back(), found) == taken_back().model_copy(update={"experiment": None})


@pytest.mark.parametrize(("served", "cap"), [(75.0, 2), (40.0, 3), (1.0, 4)])
def test_when_less_is_served_as_many_come_back_as_served_what_was(served: float, cap: int) -> None:
    found = after(taken_back(), suffering(served))

    assert cap_of(found, NOW) == cap
    assert found.experiment is None


def test_something_behind_the_pods_is_suspected_from_the_first_failure_to_the_end_of_the_freeze() -> None:
    assert not growth.is_suspected(running(), NOW)
    assert growth.is_suspected(Growth(strikes=1), NOW)
    assert growth.is_suspected(Growth(cap=4, frozen_until=NOW + timedelta(seconds=1)), NOW)
    assert not growth.is_suspected(Growth(cap=4, frozen_until=NOW), NOW)


def frozen(**changes: Any) -> Growth:
    return Growth(**{"strikes": 2, "base": 2, "cap": 2, "frozen_until": ago(0), "backoff_seconds": 600, **changes})


def test_a_freeze_ends_with_its_time_and_the_next_one_is_twice_as_long_up_to_two_hours() -> None:
    tried = frozen(experiment=running().experiment)
    assert cap_of(tried, NOW) is None

    again = after(tried, suffering())
    assert (cap_of(again, NOW), again.backoff_seconds) == (2, 1200)
    last = after(frozen(experiment=running().experiment, backoff_seconds=7200, strikes=100), suffering())
    assert (last.backoff_seconds, last.strikes) == (7200, 100)


@pytest.mark.parametrize(
    ("then", "now", "released"),
    [("1.6", 1.1, True), ("1.6", 1.2, False), ("1.6", None, False), ("1.4", 1.0, False), ("", 1.0, False)],
)
def test_a_freeze_ends_at_once_when_what_was_slow_has_recovered(then: str, now: float | None, released: bool) -> None:
    cold = frozen(frozen_until=NOW + timedelta(minutes=5), slowdown=then)

    found = after(cold, suffering(slowdown=now), settled=False)

    assert cap_of(found, NOW) == (None if released else 2)


def test_a_service_that_refuses_requests_has_not_recovered_by_being_fast() -> None:
    cold = frozen(frozen_until=LATER, slowdown="1.6")

    assert cap_of(after(cold, suffering(slowdown=1.0, shedding=True), settled=False), NOW) == 2


@pytest.mark.parametrize("full", [{"cpu_utilisation": 0.81}, {"busiest_per_second": 101.0}], ids=["CPU", "threads"])
def test_a_freeze_ends_at_once_when_the_pods_themselves_are_full(full: dict[str, float]) -> None:
    found = after(taken_back(), suffering(slowdown=3.0, shedding=True, **full), settled=False)

    assert cap_of(found, NOW) is None
    assert found.experiment is None
    assert found.backoff_seconds == 600


def test_an_experiment_whose_beginning_cannot_be_read_showed_no_growth() -> None:
    assert after(running(served_per_second="?", late_ratio="?"), suffering()).strikes == 1
