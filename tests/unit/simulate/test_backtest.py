"""A replay of a history finds the run again that left it; gaps are gaps; what is sampled is sampled evenly."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastapi_tuning.control.observation import LatencyBucket, NoData, NoTraffic
from fastapi_tuning.simulate.app import Execution
from fastapi_tuning.simulate.backtest import back_test, judge
from fastapi_tuning.simulate.fit import app_of, fit, sigma_of
from fastapi_tuning.simulate.past import NothingToReplay, Past, past_of, pod_changes, rates_by_second, stretches
from fastapi_tuning.simulate.sampling import BLOCK_SECONDS, WARM_UP_SECONDS, Budget, Window, blocks, chosen, merged
from fastapi_tuning.simulate.service_times import Constant
from tests.unit.simulate import runs
from tests.unit.simulate.histories import (
    CPU_SECONDS,
    MEDIAN_SECONDS,
    SIGMA,
    STEP_SECONDS,
    moments,
    overloaded_for_a_while,
    range_samples,
)

WHOLE = range_samples(overloaded_for_a_while())
coverages = st.lists(st.booleans(), min_size=1, max_size=500).map(lambda values: np.array(values, dtype=bool))


def without(values: dict[int, float], first: int, end: int) -> dict[int, float]:
    """Slots taken out, by place."""
    return {time: value for place, (time, value) in enumerate(values.items()) if not first <= place < end}


def plain_past(offered: list[float], pods: list[float] | None = None, slot_seconds: int = 60) -> Past:
    return Past(
        first_unix_seconds=0,
        slot_seconds=slot_seconds,
        edge_seconds=0.5,
        offered=np.array(offered),
        finished=np.array(offered),
        bad=np.zeros(len(offered)),
        pods=np.array(pods or [1.0] * len(offered)),
    )


def test_the_fit_finds_the_service_that_left_the_history() -> None:
    found = fit(moments(WHOLE))
    wait = MEDIAN_SECONDS * math.exp(SIGMA**2 / 2)
    assert found.latency_seconds.typical == pytest.approx(wait + CPU_SECONDS, rel=0.05)
    assert found.latency_seconds.high > 2 * found.latency_seconds.typical
    assert found.sigma == pytest.approx(SIGMA, abs=0.08)
    assert found.cpu_seconds is not None
    assert found.cpu_seconds.typical == pytest.approx(CPU_SECONDS)
    assert found.error_ratio == 0


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0])
def test_the_likeliest_spread_is_the_one_the_buckets_were_drawn_with(sigma: float) -> None:
    drawn = 0.05 + np.random.default_rng(1).lognormal(math.log(0.2) - sigma**2 / 2, sigma, 20_000)
    edges = (0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 0.75, 1.0, 2.0, math.inf)
    buckets = [LatencyBucket(upper_seconds=edge, requests_per_second=float((drawn <= edge).sum())) for edge in edges]
    assert sigma_of(buckets, constant_seconds=0.05, mean_seconds=0.2) == pytest.approx(sigma, rel=0.1)


def test_a_service_that_mostly_computes_varies_in_what_it_computes() -> None:
    computing = fit(moments(replace(WHOLE, cpu={time: 0.9 * value for time, value in WHOLE.latency_sum.items()})))
    app = app_of(computing, execution=Execution.THREAD, startup=Constant(seconds=5.0), cpu_cores=1.0)
    (endpoint,) = app.endpoints
    assert endpoint.cpu.mean_seconds == pytest.approx(computing.own_cpu_seconds)
    assert endpoint.cpu.mean_seconds + endpoint.wait.mean_seconds == pytest.approx(computing.latency_seconds.typical)


def test_a_gap_is_no_slot_without_requests() -> None:
    buckets = {edge: without(dict(values), 10, 20) for edge, values in WHOLE.buckets.items()}
    for values in buckets.values():
        values.update(dict.fromkeys(list(values)[:5], 0.0))
    found = moments(replace(WHOLE, buckets=buckets))
    assert all(isinstance(moment.signals, NoTraffic) for moment in found[:5])
    assert all(isinstance(moment.signals, NoData) for moment in found[10:20])
    past = past_of(found, STEP_SECONDS)
    assert (past.offered[:5] == 0).all()
    assert list(np.flatnonzero(~past.covered)) == list(range(10, 20))


def test_a_slot_whose_pods_are_unknown_is_a_gap() -> None:
    past = past_of(moments(replace(WHOLE, pods=without(dict(WHOLE.pods), 3, 4))), STEP_SECONDS)
    assert stretches(past.covered) == [(0, 3), (4, len(past.offered))]


def test_a_history_without_requests_cannot_be_replayed() -> None:
    with pytest.raises(NothingToReplay, match="no request"):
        past_of(moments(replace(WHOLE, buckets={})), STEP_SECONDS)
    with pytest.raises(NothingToReplay, match="no request"):
        fit(moments(replace(WHOLE, buckets={})))


@given(coverages)
def test_stretches_are_the_covered_slots_and_nothing_else(covered: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    found = stretches(covered)
    rebuilt = np.zeros(len(covered), dtype=bool)
    for first, end in found:
        assert first < end
        rebuilt[first:end] = True
    assert (rebuilt == covered).all()
    assert all(left[1] < right[0] for left, right in itertools.pairwise(found))


@given(
    st.lists(st.tuples(st.integers(0, 400), st.booleans()), min_size=1, max_size=8), st.sampled_from((15, 60, 90, 600))
)
def test_blocks_judge_each_slot_once_and_never_touch_a_gap(parts: list[tuple[int, bool]], slot_seconds: int) -> None:
    covered = np.concatenate([np.full(length, known) for length, known in parts]).astype(bool)
    try:
        found = blocks(covered, slot_seconds)
    except NothingToReplay:
        return
    judged = [slot for block in found for slot in range(block.judged, block.end)]
    assert len(judged) == len(set(judged))
    for block in found:
        assert covered[block.first : block.end].all()
        assert (block.judged - block.first) * slot_seconds >= WARM_UP_SECONDS
        assert 0 < (block.end - block.judged) * slot_seconds <= BLOCK_SECONDS + slot_seconds


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(0, 2**32 - 1), st.floats(1, 200))
def test_the_sample_is_drawn_from_all_parts_of_the_history_within_its_budget(
    hours: int, seed: int, most_hours: float
) -> None:
    past = plain_past([10.0] * (60 * hours + 30))
    everything = blocks(past.covered, 60)
    budget = Budget(seconds=3600 * most_hours, requests=math.inf)
    drawn = chosen(everything, past, budget, np.random.default_rng(seed))
    places = [everything.index(block) for block in drawn]
    assert places == sorted(set(places))
    assert len(drawn) == 1 or sum((block.end - block.first) * 60 for block in drawn) <= budget.seconds
    assert max(np.diff([-1, *places, len(everything)])) <= 2 * math.ceil(len(everything) / len(drawn))


def test_requests_are_a_budget_too() -> None:
    past = plain_past([100.0] * (60 * 24 + 30))
    everything = blocks(past.covered, 60)
    drawn = chosen(everything, past, Budget(seconds=math.inf, requests=3e6), np.random.default_rng(1))
    assert sum((block.end - block.first) * 60 * 100 for block in drawn) <= 3e6


def test_blocks_that_follow_each_other_are_one_window() -> None:
    drawn = (
        Window(first=0, judged=30, end=90),
        Window(first=60, judged=90, end=150),
        Window(first=200, judged=230, end=290),
    )
    assert merged(drawn) == (Window(first=0, judged=30, end=150), drawn[2])


def test_load_between_slots_is_a_straight_line_and_keeps_its_level() -> None:
    rates = rates_by_second(plain_past([10.0, 10.0, 40.0, 40.0]), 0, 4)
    assert len(rates) == 240
    assert rates[0] == rates[89] == 10
    assert (np.diff(rates) >= 0).all()
    assert rates.sum() == pytest.approx(60 * 100)


def test_pods_are_asked_for_before_they_were_seen_and_given_back_when_they_were_gone() -> None:
    past = plain_past([1.0] * 4, [2.0, 3.0, 3.0, 1.0])
    assert pod_changes(past, 0, 4, lead_seconds=20) == [(0.0, 2), (70.0, 3), (210.0, 1)]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=50), st.floats(0, 600))
def test_a_timetable_is_in_order_whatever_the_lead(pods: list[int], lead_seconds: float) -> None:
    past = plain_past([1.0] * len(pods), [float(each) for each in pods])
    changes = pod_changes(past, 0, len(pods), lead_seconds=lead_seconds)
    assert [second for second, _ in changes] == sorted(second for second, _ in changes)
    assert changes[-1][1] == pods[-1]


def test_measured_and_simulated_are_judged_by_the_same_rule_and_warm_up_counts_for_nothing() -> None:
    past = plain_past([100.0] * 10, [2.0] * 10)
    bad = past.bad.copy()
    bad[[1, 5, 6]] = 2.0
    run_with = runs.run(630, late=runs.seconds(630, 0.0, (60, 120, 2.0), (300, 360, 2.0)))
    found = judge(
        replace(past, bad=bad), Window(first=0, judged=4, end=10), run_with, runs.run(630), allowed_bad_share=0.01
    )
    assert (found.measured.violation_seconds, found.as_it_was_judged.violation_seconds) == (120, 60)
    assert found.with_us_judged.violation_seconds == 0
    assert found.measured.replica_seconds == found.as_it_was_judged.replica_seconds == 2 * 360
    assert found.measured.requests == 100 * 360
    whole = back_test([found, found])
    assert whole.agreement == pytest.approx(5 / 6)
    assert whole.measured.violation_seconds == 240
    assert whole.measured.bad_share == pytest.approx(2 * 2 / 600)


def test_the_load_of_an_overload_is_what_arrived_where_an_agent_counts_arrivals() -> None:
    """80 requests/s for ten minutes, on a pod that answers 47."""
    counted = past_of(moments(WHOLE), STEP_SECONDS)
    uncounted = past_of(moments(replace(WHOLE, queue_growth={})), STEP_SECONDS)
    assert counted.offered[41] == pytest.approx(80, rel=0.1)
    assert uncounted.offered[41] < 50
    assert (counted.finished == uncounted.finished).all()


def test_another_objective_allows_another_share() -> None:
    bad = replace(plain_past([100.0] * 10), bad=np.full(10, 2.0))
    found = judge(bad, Window(first=0, judged=4, end=10), runs.run(630), runs.run(630), allowed_bad_share=0.05)
    assert found.measured.violation_seconds == 0
