"""Did a move make it worse? What is watched, what is compared with what, and what becomes of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import History
from fastapi_tuning.api.undo import Undo, WatchedMove
from fastapi_tuning.control import undo as law
from fastapi_tuning.control.burn import Evidence
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.guards.verdict import Verdict
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.undo import Kept, Look, Regressed, Unknown, Watching, begun, judged, verdict_on
from tests.unit.control.builders import MISSED, NOW, ago, estimate, history, proposal, samples, slots, spec
from tests.unit.control.undos import taken_back, undo, watched

OBJECTIVES = spec().objectives
FEWER = proposal(5, 4, reason=Reason.DEMAND_FELL)


def verdict(asked: Proposal) -> Verdict:
    return Verdict(proposal=asked, wished=asked.wanted, value=asked.wanted, guards=())


def after_moves(
    *asked: Proposal, past: History | None = None, found: Estimate | None = None, done: bool = True
) -> tuple[Undo, ...]:
    values = {each.knob: each.wanted for each in asked} if done else {}
    return begun(past or history(), [verdict(each) for each in asked], values, found or estimate(), NOW)


def look(**changes: Any) -> Look:
    """A cycle of 15 s at 100 requests/s without anything bad; all has been steady for a minute and a half."""
    plain = Look(
        now=NOW,
        seconds=15.0,
        counted=Evidence(requests=1500.0, late=0.0, failed=0.0),
        offered_per_second=100.0,
        steady_since=ago(90),
        dead_time=timedelta(seconds=45),
        behind_the_pods=False,
        fails_by_itself=False,
    )
    return replace(plain, **changes)


LATE = Evidence(requests=1500.0, late=300.0, failed=0.0)
FAILED = Evidence(requests=1500.0, late=0.0, failed=300.0)


def seen(move: WatchedMove | None = None, knob: Knob = Knob.REPLICAS, **changes: Any) -> Undo | None:
    """What is left of the watch after one look, if anything."""
    watch = move or watched(comparable_since=ago(60))
    return next(iter(judged((undo(knob, watch=watch),), look(**changes), OBJECTIVES)), None)


def is_taken_back(found: Undo | None) -> bool:
    return found is not None and found.taken_back is not None


# What is watched


def test_a_step_down_made_in_calm_is_watched_with_what_was_before_it() -> None:
    past = history(
        evidence=slots((2000, 7000, 70, 7), (200, 9000, 9, 1), (30, 3000, 1, 0)), loads=samples((60, 90.0), (15, 110.0))
    )
    (found,) = after_moves(FEWER, past=past)

    assert found == undo(
        watch=watched(
            time=NOW,
            offered_per_second="100",
            requests_before="12000",
            late_before="10",
            failed_before="1",
        )
    )


@pytest.mark.parametrize(
    "asked",
    [
        proposal(40, 109, knob=Knob.THREADS, reason=Reason.THREADS_BIND),
        proposal(40, 8, knob=Knob.THREADS, reason=Reason.THREADS_BIND),
        proposal(200, 120, knob=Knob.LIMIT_CONCURRENCY, reason=Reason.LIMIT_FROM_OBJECTIVE),
        proposal(5, 10, knob=Knob.TIMEOUT_KEEP_ALIVE, reason=Reason.KEEP_ALIVE_FROM_REUSE),
    ],
)
def test_settings_that_the_law_chose_are_watched_in_both_directions(asked: Proposal) -> None:
    (found,) = after_moves(asked)

    assert found.knob == asked.knob
    assert found.watch is not None
    assert (found.watch.from_value, found.watch.to_value) == (asked.current, asked.wanted)


def test_a_first_limit_goes_back_to_as_good_as_none() -> None:
    (found,) = after_moves(proposal(None, 80, knob=Knob.LIMIT_CONCURRENCY, reason=Reason.LIMIT_FROM_OBJECTIVE))

    assert found.watch is not None
    assert found.watch.from_value == law.NO_LIMIT


@pytest.mark.parametrize(
    "asked",
    [
        proposal(4, 5, reason=Reason.DEMAND_ROSE),
        proposal(5, 4, reason=Reason.DOWNSTREAM_LIMITS),
        proposal(5, 4, reason=Reason.DATABASE_SHARE),
        proposal(40, 30, knob=Knob.THREADS, reason=Reason.MEMORY_SHORT),
        proposal(5, 30, knob=Knob.TIMEOUT_KEEP_ALIVE, reason=Reason.REQUESTED_BY_SPEC),
        proposal(4, 5, reason=Reason.UNDONE),
    ],
)
def test_more_pods_and_what_others_ask_for_end_a_watch_and_begin_none(asked: Proposal) -> None:
    before = history(undos=(undo(asked.knob, watch=watched(), backoff_seconds=600),))

    assert after_moves(asked, past=before) == (undo(asked.knob, backoff_seconds=600),)


def test_what_is_tried_under_overload_is_judged_by_what_it_brings_and_not_watched() -> None:
    assert after_moves(FEWER, found=MISSED) == ()
    assert begun(history(), [verdict(FEWER)], {Knob.REPLICAS: 4}, None, NOW) == (), "nor without requests"


def test_a_move_that_was_not_carried_out_leaves_everything_as_it_was() -> None:
    before = history(undos=(undo(watch=watched()),))

    assert after_moves(FEWER, past=before, done=False) == before.undos


def test_each_knob_has_its_own_watch() -> None:
    pool = proposal(40, 60, knob=Knob.THREADS, reason=Reason.THREADS_BIND)

    assert [each.knob for each in after_moves(FEWER, pool)] == [Knob.REPLICAS, Knob.THREADS]


# What is compared


def test_a_regression_is_seen_in_the_first_cycle_that_can_be_compared() -> None:
    found = seen(counted=LATE)

    assert found is not None
    assert found.watch is None
    assert found.taken_back is not None
    assert (found.taken_back.from_value, found.taken_back.to_value) == (5, 4)
    assert found.taken_back.until == NOW + timedelta(minutes=10)
    assert found.taken_back.evidence == (
        "after 5 → 4 20.00% late and 0.00% failed of 1500 requests, before 0.01% late and 0.00% failed of 30000"
    )
    assert is_taken_back(seen(counted=FAILED))


def test_nothing_is_counted_before_one_dead_time_in_which_all_was_steady() -> None:
    young = seen(watched(comparable_since=ago(44)), counted=LATE)
    assert young == undo(watch=watched(comparable_since=ago(44)))

    first = seen(watched(), counted=LATE)
    assert first == undo(watch=watched(comparable_since=NOW))

    moved_again = seen(watched(comparable_since=ago(90)), counted=LATE, steady_since=ago(30))
    assert moved_again == undo(watch=watched(comparable_since=ago(30)))


@pytest.mark.parametrize(
    "not_comparable",
    [
        {"steady_since": None},
        {"steady_since": ago(600)},
        {"fails_by_itself": True},
        {"behind_the_pods": True},
        {"offered_per_second": 130.0},
    ],
    ids=["not steady, or not all seen", "settled before the move", "the app fails", "slow dependency", "more load"],
)
def test_what_cannot_be_compared_counts_neither_for_nor_against(not_comparable: dict[str, Any]) -> None:
    assert seen(counted=LATE, **not_comparable) == undo(watch=watched())


def test_more_load_is_a_tenth_more_and_no_chance() -> None:
    assert is_taken_back(seen(counted=LATE, offered_per_second=109.0))
    assert not is_taken_back(seen(counted=LATE, offered_per_second=130.0))
    few = watched(comparable_since=ago(60), offered_per_second="1")
    assert is_taken_back(seen(few, counted=LATE, offered_per_second=1.3)), "39 requests in 30 s where 30 come"
    assert not is_taken_back(seen(few.model_copy(update={"offered_per_second": ""}), counted=LATE)), "not known"


def test_a_slow_dependency_does_not_excuse_what_lets_more_requests_through_to_it() -> None:
    more = watched(comparable_since=ago(60), from_value=40, to_value=60)
    fewer = watched(comparable_since=ago(60), from_value=40, to_value=20)

    assert is_taken_back(seen(more, Knob.THREADS, counted=LATE, behind_the_pods=True))
    assert not is_taken_back(seen(fewer, Knob.THREADS, counted=LATE, behind_the_pods=True))


# The verdict


def move(requests: float, late: float, failed: float = 0.0, **fields: Any) -> WatchedMove:
    return watched(requests=f"{requests:g}", late=f"{late:g}", failed=f"{failed:g}", **fields)


def test_worse_is_significantly_more_than_allowed_and_more_than_before_by_as_much_as_is_allowed() -> None:
    assert isinstance(verdict_on(move(3000, 60), OBJECTIVES, NOW), Regressed)
    assert verdict_on(move(3000, 25), OBJECTIVES, NOW) == Watching(), "more than before, and within the objective"
    assert verdict_on(move(100, 2), OBJECTIVES, NOW) == Watching(), "no significant miss"
    bad_before = move(3000, 60, late_before="330")
    assert verdict_on(bad_before, OBJECTIVES, NOW) == Watching(), "2 % after 1.1 %"
    assert isinstance(verdict_on(move(3000, 100, late_before="330"), OBJECTIVES, NOW), Regressed)
    assert isinstance(verdict_on(move(3000, 0, 30), OBJECTIVES, NOW), Regressed)
    assert verdict_on(move(3000, 60, requests_before=""), OBJECTIVES, NOW) == Watching(), "nothing to compare with"


def test_five_minutes_of_comparable_traffic_are_a_success_and_an_hour_without_is_none() -> None:
    assert verdict_on(move(30000, 10, watched_seconds="299"), OBJECTIVES, NOW) == Watching()
    assert verdict_on(move(30000, 10, watched_seconds="300"), OBJECTIVES, NOW) == Kept()
    assert verdict_on(move(30000, 10, time=ago(3600)), OBJECTIVES, NOW) == Unknown()
    assert verdict_on(move(0, 0, time=ago(3599)), OBJECTIVES, NOW) == Watching()


def watch_for(
    cycles: int, state: tuple[Undo, ...], start: datetime = NOW, **changes: Any
) -> tuple[tuple[Undo, ...], datetime]:
    now = start
    for _ in range(cycles):
        now += timedelta(seconds=15)
        state = judged(state, look(now=now, steady_since=start - timedelta(seconds=90), **changes), OBJECTIVES)
    return state, now


def test_a_watch_that_ends_well_forgets_the_failures_before_it() -> None:
    doubted = undo(watch=watched(comparable_since=ago(60)), backoff_seconds=1200)
    nearly, _ = watch_for(19, (doubted,))
    assert nearly[0].watch is not None
    assert watch_for(20, (doubted,))[0] == ()


def test_a_watch_that_ends_with_nothing_learned_does_not() -> None:
    doubted = undo(watch=watched(time=ago(3600)), backoff_seconds=1200)

    assert watch_for(1, (doubted,), offered_per_second=200.0)[0] == (undo(backoff_seconds=1200),)


def test_back_off_doubles_up_to_two_hours() -> None:
    lasted = []
    state: tuple[Undo, ...] = (undo(),)
    for _ in range(6):
        state = tuple(each.model_copy(update={"watch": watched(comparable_since=ago(60))}) for each in state)
        state = judged(state, look(counted=LATE), OBJECTIVES)
        assert state[0].taken_back is not None
        lasted.append((state[0].taken_back.until - NOW).total_seconds())
    assert lasted == [600, 1200, 2400, 4800, 7200, 7200]


def test_a_hold_stays_until_it_is_over_though_another_move_did_well() -> None:
    held = undo(watch=watched(comparable_since=ago(60), watched_seconds="290"), taken_back=taken_back())
    (found,) = judged((held,), look(), OBJECTIVES)
    assert found == undo(taken_back=taken_back())
    assert judged((found,), look(now=NOW + timedelta(minutes=10)), OBJECTIVES) == ()


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_cycles_that_are_not_seen_are_never_part_of_the_window(seen_cycles: list[bool]) -> None:
    state: tuple[Undo, ...] = (undo(watch=watched(comparable_since=ago(60))),)
    for index, is_seen in enumerate(seen_cycles):
        now = NOW + timedelta(seconds=15 * index)
        state = judged(state, look(now=now, steady_since=ago(90) if is_seen else None), OBJECTIVES)
        kept = state == ()
        assert not kept or 15 * sum(seen_cycles[: index + 1]) >= 300
        if kept:
            return


# What becomes of it


def test_the_proposal_goes_back_to_where_it_went_well_and_no_further_than_it_wants_itself() -> None:
    held = (undo(taken_back=taken_back()),)

    def wanted(asked: Proposal, load: float = 100.0, now: datetime = NOW) -> tuple[int, Reason]:
        found = law.taken_back(asked, held, load, now)
        return found.wanted, found.reason

    assert wanted(proposal(4, 4, reason=Reason.ALREADY_OPTIMAL)) == (5, Reason.UNDONE)
    assert wanted(proposal(4, 7)) == (7, Reason.DEMAND_ROSE)
    assert wanted(proposal(5, 3, reason=Reason.DEMAND_FELL)) == (3, Reason.DEMAND_FELL), "a guard holds that"
    assert wanted(proposal(3, 3), load=60.0) == (3, Reason.DEMAND_ROSE)
    assert wanted(proposal(4, 4), now=NOW + timedelta(minutes=10)) == (4, Reason.DEMAND_ROSE)
    assert wanted(proposal(40, 40, knob=Knob.THREADS)) == (40, Reason.DEMAND_ROSE)
    assert wanted(proposal(None, 4)) == (4, Reason.DEMAND_ROSE)


def test_threads_that_made_it_worse_go_back_down() -> None:
    held = (undo(Knob.THREADS, taken_back=taken_back(from_value=40, to_value=60)),)
    found = law.taken_back(proposal(60, 75, knob=Knob.THREADS), held, 30.0, NOW)

    assert (found.wanted, found.reason) == (40, Reason.UNDONE)


def test_what_is_new_is_told_once() -> None:
    before, after = (undo(watch=watched()),), (undo(taken_back=taken_back()),)

    assert law.newly_taken_back(before, after) == ((Knob.REPLICAS, taken_back()),)
    assert law.newly_taken_back(after, after) == ()


def test_what_somebody_else_moved_is_neither_judged_nor_held_against_him() -> None:
    pool = undo(Knob.THREADS, watch=watched())

    assert law.forgotten((undo(taken_back=taken_back()), pool), Knob.REPLICAS) == (pool,)
