"""The memory in the status: bounded, and honest about gaps."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fastapi_tuning.api.spec import MetricsSource
from fastapi_tuning.api.status import History, LimitingFactor, number_of
from fastapi_tuning.control import memory
from fastapi_tuning.control.burn import Evidence
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.ledger import history_after
from fastapi_tuning.control.observation import NoTraffic, Observation
from tests.unit.control.builders import (
    NOW,
    ago,
    estimate,
    history,
    launch,
    needs,
    observation,
    pod_traffic,
    proposal,
    samples,
    slots,
    traffic,
    workload,
)


def watched(past: History, seen: Observation | None = None, interval_seconds: int = 15) -> History:
    return memory.remember_watch(past, seen or observation(), interval_seconds)


def test_the_first_observation_starts_the_watch() -> None:
    found = watched(History())

    assert (found.observed_since, found.last_observation_time, found.settled_since) == (NOW, NOW, NOW)


def test_the_watch_goes_on_over_a_short_gap_and_starts_anew_after_a_long_one() -> None:
    short, long = (watched(history(last_observation_time=ago(seconds))) for seconds in (90, 91))

    assert (short.observed_since, short.settled_since) == (ago(3600), ago(3600))
    assert (long.observed_since, long.settled_since) == (NOW, NOW)
    assert short.last_observation_time == NOW


def test_three_intervals_are_no_gap_where_the_interval_is_long() -> None:
    found = watched(history(last_observation_time=ago(300)), interval_seconds=100)

    assert found.observed_since == ago(3600)


def test_a_history_without_a_start_gets_one() -> None:
    assert watched(history(observed_since=None)).observed_since == NOW


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(observation(workload=workload(ready_replicas=1)), id="a pod is not ready"),
        pytest.param(observation(workload=workload(rollout_in_progress=True)), id="rollout"),
        pytest.param(
            observation(signals=traffic(pods=(pod_traffic(), pod_traffic(acknowledged=False)))), id="not acknowledged"
        ),
    ],
)
def test_nothing_is_settled_while_something_is_on_its_way(seen: Observation) -> None:
    found = watched(history(), seen)

    assert found.settled_since is None
    assert memory.settled_for(found, NOW) == timedelta(0)


def test_silence_settles_too() -> None:
    quiet = observation(signals=NoTraffic(source=MetricsSource.FASTAPI_INSTRUMENTATOR, scraped_pods=2))

    found = watched(history(settled_since=None), quiet)
    assert memory.settled_for(found, NOW + timedelta(seconds=30)) == timedelta(seconds=30)


def test_watched_time_is_what_passed_between_two_observations_of_one_watch() -> None:
    before = history(last_observation_time=ago(20))

    assert memory.watched_seconds(before, watched(before)) == 20.0
    gap = history(last_observation_time=ago(2000))
    assert memory.watched_seconds(gap, watched(gap)) == 0.0
    assert memory.watched_seconds(History(), watched(History())) == 0.0


@pytest.mark.parametrize(("replicas", "kept"), [(3, 5), (8, 8)])
def test_needs_within_a_slot_are_kept_as_their_maximum(replicas: int, kept: int) -> None:
    found = memory.remember_need(history(needs=needs((20, 5))), NOW, replicas)

    assert [(need.time, need.replicas) for need in found.needs] == [(ago(20), kept)]


def test_a_need_after_the_slot_opens_the_next_one() -> None:
    found = memory.remember_need(history(needs=needs((30, 5))), NOW, 3)

    assert [need.replicas for need in found.needs] == [5, 3]


def test_needs_older_than_the_longest_window_are_forgotten() -> None:
    found = memory.remember_need(history(needs=needs((3601, 9), (3600, 5))), NOW, 3)

    assert [need.replicas for need in found.needs] == [5, 3]


COUNTS = Evidence(requests=10.5, late=2.0, failed=1.0)


def test_counts_are_added_to_the_present_slot() -> None:
    (slot,) = memory.remember_evidence(history(evidence=slots((149, 1, 1, 1))), NOW, COUNTS).evidence

    assert slot.time == ago(149)
    assert [number_of(text) for text in (slot.requests, slot.late, slot.failed)] == [11.5, 3.0, 2.0]


def test_an_old_slot_is_closed_and_one_older_than_an_hour_forgotten() -> None:
    found = memory.remember_evidence(history(evidence=slots((3601, 9, 9, 9), (150, 1, 1, 1))), NOW, COUNTS).evidence

    assert [slot.time for slot in found] == [ago(150), NOW]


def test_loads_are_noted_every_15_seconds_and_kept_for_two_minutes() -> None:
    early = memory.remember_load(history(loads=samples((121, 1), (14, 2))), NOW, 3.0)
    late = memory.remember_load(history(loads=samples((120, 1), (15, 2))), NOW, 3.0)

    assert [sample.value for sample in early.loads] == ["2"]
    assert [sample.value for sample in late.loads] == ["1", "2", "3"]


def test_the_status_never_holds_more_than_its_schema_allows() -> None:
    found = history()
    for step in range(1000):
        now = NOW + timedelta(seconds=step * 15)
        found = memory.remember_need(found, now, 3)
        found = memory.remember_evidence(found, now, COUNTS)
        found = memory.remember_load(found, now, 3.0)
        move = {Knob.REPLICAS: 2 + step % 2}
        found = history_after(found, replace(observation(), time=now), estimate(), move)

    assert History.model_validate(found.model_dump()) == found


SEVERAL = workload(launch=launch(workers=4))


def test_the_number_of_pods_that_replaces_the_workers_is_remembered_once() -> None:
    once = memory.remember_worker_pods(history(), SEVERAL, (proposal(2, 9),))

    assert once.pods_for_one_worker == 8
    more = replace(SEVERAL, desired_replicas=8)
    assert memory.remember_worker_pods(once, more, (proposal(8, 9),)) == once


def test_the_change_of_the_worker_count_itself_alters_no_memory() -> None:
    for before in (history(), history(pods_for_one_worker=8)):
        assert memory.remember_worker_pods(before, SEVERAL, (proposal(4, 1, knob=Knob.WORKERS),)) == before
        assert memory.remember_worker_pods(before, SEVERAL, ()) == before


def test_workers_that_are_gone_whoever_removed_them_are_forgotten() -> None:
    assert memory.remember_worker_pods(history(pods_for_one_worker=8), workload(), ()).pods_for_one_worker is None


def factors(*seen: LimitingFactor) -> History:
    """One a cycle, the last one now."""
    past = History()
    for index, factor in enumerate(seen):
        past = memory.remember_factor(past, ago(15 * (len(seen) - 1 - index)), factor)
    return past


def test_a_factor_is_steady_when_it_is_seen_twice_in_a_row_and_has_stood_since_the_first_time() -> None:
    once, twice = factors(LimitingFactor.CPU), factors(LimitingFactor.CPU, LimitingFactor.CPU)

    assert (once.factor.steady, once.factor.since) == (LimitingFactor.NONE, NOW)
    assert (twice.factor.steady, twice.factor.since) == (LimitingFactor.CPU, ago(15))


def test_a_factor_that_comes_and_goes_within_a_cycle_leaves_the_steady_one_as_it_was() -> None:
    flicker = factors(LimitingFactor.CPU, LimitingFactor.CPU, LimitingFactor.MEMORY, LimitingFactor.CPU)

    assert flicker.factor.steady is LimitingFactor.CPU
    assert flicker.factor.since == NOW


def test_not_to_know_is_never_steady() -> None:
    lost = factors(LimitingFactor.CPU, LimitingFactor.CPU, LimitingFactor.UNKNOWN, LimitingFactor.UNKNOWN)

    assert lost.factor.steady is LimitingFactor.CPU
