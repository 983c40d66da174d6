"""What is awaited, held against the guards themselves: at the time that is told they let the wish pass, not before."""

import ast
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeGuard

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fastapi_tuning.control as control
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import Growth, History, ReplicaNeed
from fastapi_tuning.control.guards.evidence import awaiting_effect, downstream, panic, unproven_load
from fastapi_tuning.control.guards.pace import own_watch, stabilization, step
from fastapi_tuning.control.guards.permission import stopped
from fastapi_tuning.control.guards.settings import rollout_rate
from fastapi_tuning.control.guards.undo import undone
from fastapi_tuning.control.guards.verdict import Clamp, Context, Guard, Hold
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.explain.awaited import Situation, awaited
from tests.unit.control.builders import NOW, ago, capacity, context, estimate, history, proposal, spec, stop
from tests.unit.control.undos import taken_back, undo
from tests.unit.explain.situations import situation, wish

A_MOMENT = timedelta(seconds=1)
BEYOND_WHAT_WAS_SEEN = estimate(capacity=capacity(proven_per_second=10.0), expected_per_second=400.0)
"""Eight pods would carry 50 requests/s each, five times what a pod was seen to carry."""
seconds_ago = st.integers(0, 900)


def answer(guard: Guard, proposed: Proposal, told: Situation, now: datetime) -> Clamp | Hold | None:
    """What the guard says of the wish at a moment, if nothing else happens until then."""
    beyond = BEYOND_WHAT_WAS_SEEN
    seen: Context = context(
        now=now,
        spec=told.spec,
        history=told.history,
        stops=tuple(each for each in told.stops if now < each.until),
        estimate=beyond,
    )
    return guard(proposed, seen)


def check(guard: Guard, proposed: Proposal, told: Situation) -> None:
    """The time that is told is the guard's own, to the second."""
    held = answer(guard, proposed, told, told.now)
    assume(held is not None)
    assert held is not None
    asked = wish(
        knob=proposed.knob, current=proposed.current, wished=proposed.wanted, reason=proposed.reason, message=""
    )
    found = awaited(asked, held.reason, told)
    assert found is not None
    assert found.until is not None
    assert told.now <= found.until + A_MOMENT
    after, before = found.until + A_MOMENT, found.until - A_MOMENT
    later = answer(guard, proposed, told, after)
    in_part = isinstance(held, Hold) and isinstance(later, Clamp)
    assert later is None or later.reason is not held.reason or in_part
    if before >= told.now:
        still = answer(guard, proposed, told, before)
        assert still is not None
        assert still.reason is held.reason


def pacing(down: int, up: int) -> FastAPITuningSpec:
    bounds = {"min": 1, "max": 20}
    return spec(
        replicas={**bounds, "scaleDown": {"stabilizationSeconds": down}, "scaleUp": {"stabilizationSeconds": up}}
    )


needs = st.lists(st.tuples(seconds_ago, st.integers(1, 30)), max_size=8)


@given(needs, st.integers(0, 600), seconds_ago)
def test_a_lower_value_waits_for_the_window(past: list[tuple[int, int]], window: int, watched: int) -> None:
    remembered = tuple(ReplicaNeed(time=ago(seconds), replicas=count) for seconds, count in past)
    told = situation(spec=pacing(window, 0), history=history(needs=remembered, observed_since=ago(watched)))
    check(watched_and_stabilized, proposal(10, 4), told)


def watched_and_stabilized(proposed: Proposal, seen: Context) -> Clamp | Hold | None:
    """Both have the same reason, and stand one after the other in the chain."""
    return own_watch(proposed, seen) or stabilization(proposed, seen)


@given(st.integers(1, 600), seconds_ago)
def test_a_smaller_pool_waits_for_a_window_that_was_watched(window: int, watched: int) -> None:
    told = situation(spec=pacing(window, 0), history=history(observed_since=ago(watched)))
    check(own_watch, proposal(40, 20, knob=Knob.THREADS), told)


@given(needs, st.integers(1, 600))
def test_a_higher_value_waits_for_its_window(past: list[tuple[int, int]], window: int) -> None:
    remembered = tuple(ReplicaNeed(time=ago(seconds), replicas=count) for seconds, count in past)
    check(stabilization, proposal(4, 10), situation(spec=pacing(0, window), history=history(needs=remembered)))


@given(seconds_ago, seconds_ago, st.sampled_from([(4, 3), (4, 5)]))
def test_a_step_waits_for_its_period(up: int, down: int, move: tuple[int, int]) -> None:
    past = history(last_scale_up_time=ago(up), last_scale_down_time=ago(down))
    check(step, proposal(*move), situation(history=past))


@given(seconds_ago, seconds_ago, seconds_ago, st.booleans(), st.sampled_from([(4, 2), (4, 5)]))
def test_an_effect_takes_one_dead_time(rollout: int, up: int, setting: int, calm: bool, move: tuple[int, int]) -> None:
    past = history(
        last_rollout_time=ago(rollout),
        last_scale_up_time=ago(up),
        last_setting_time=ago(setting),
        calm_until=NOW + timedelta(hours=1) if calm else None,
    )
    check(awaiting_effect, proposal(*move), situation(history=past))


@given(st.integers(1, 900))
def test_a_restart_keeps_its_distance_to_the_last_one(rollout: int) -> None:
    threads = proposal(40, 80, knob=Knob.THREADS)
    check(rollout_rate, threads, situation(history=history(last_rollout_time=ago(rollout))))


@given(st.integers(1, 900))
def test_what_made_it_worse_is_tried_again_after_its_back_off(seconds: int) -> None:
    held = undo(taken_back=taken_back(until=NOW + timedelta(seconds=seconds)), backoff_seconds=1200)
    check(undone, proposal(5, 3), situation(history=history(undos=(held,))))


@given(st.integers(0, 299))
def test_a_small_step_down_waits_five_minutes_for_the_next(down: int) -> None:
    past = history(last_scale_down_time=ago(down))
    check(unproven_load, proposal(8, 2), situation(history=past))


@given(st.integers(1, 900))
def test_an_overload_a_pause_and_a_freeze_have_an_end(ahead: int) -> None:
    end = NOW + timedelta(seconds=ahead)
    check(panic, proposal(4, 2), situation(history=history(panic_until=end)))
    check(stopped, proposal(4, 5), situation(stops=(stop(end),)))
    check(stopped, proposal(4, 5), situation(stops=(stop(end, reason=Reason.FREEZE_WINDOW),)))
    frozen = Growth(cap=4, frozen_until=end)
    check(downstream, proposal(4, 5), situation(history=history(replica_growth=frozen)))
    threads = proposal(40, 80, knob=Knob.THREADS)
    check(downstream, threads, situation(history=history(thread_growth=frozen.model_copy(update={"cap": 40}))))


def reasons_of_guards() -> set[Reason]:
    """Every reason that a Clamp or Hold is made with in the law."""
    found = set()
    for file in Path(control.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Clamp", "Hold"):
                found |= {
                    Reason[keyword.value.attr]
                    for keyword in node.keywords
                    if keyword.arg == "reason" and _names_a_reason(keyword.value)
                }
    return found


def _names_a_reason(value: ast.expr) -> TypeGuard[ast.Attribute]:
    """`Reason.X`; a guard that hands on the reason of what it was given does not name it."""
    return isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id == "Reason"


HANDED_ON = {
    Reason.PAUSED,
    Reason.FREEZE_WINDOW,
    Reason.ANOTHER_AUTOSCALER,
    Reason.FIELD_CONFLICT,
    Reason.PROGRESSIVE_DELIVERY,
    Reason.MOVED_BY_OTHERS,
    Reason.DUPLICATE_TARGET,
    Reason.ROLLOUT_IN_PROGRESS,
}
"""Reasons of stops and of other owners."""


def test_every_guard_of_the_law_has_something_that_it_waits_for() -> None:
    reasons = reasons_of_guards()
    assert len(reasons) > 20
    for reason in (reasons | HANDED_ON) - {Reason.MODE_OFF}:
        assert awaited(wish(), reason, situation()) is not None, reason


@pytest.mark.parametrize("reason", [Reason.STABILIZING, Reason.RATE_LIMITED, Reason.PANIC, Reason.PAUSED])
def test_a_window_of_which_nothing_is_remembered_has_no_end_to_tell(reason: Reason) -> None:
    found = awaited(wish(), reason, situation(history=History()))
    assert found is not None
    assert found.until is None
