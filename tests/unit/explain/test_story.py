"""A status that the operator itself wrote, told to a person."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.considered import GuardAnswer
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import DiagnosisStatus, LimitingFactor, Live
from fastapi_tuning.api.tuning import PAUSED_UNTIL_ANNOTATION, FastAPITuning
from fastapi_tuning.explain.ahead import ahead
from fastapi_tuning.explain.story import story
from fastapi_tuning.explain.times import length, until
from fastapi_tuning.explain.wishes import wish_told
from tests.unit.control.builders import history
from tests.unit.explain.situations import situation, wish
from tests.unit.fakes.world import NOW, World, tuning

CYCLE = timedelta(seconds=15)


async def after(
    *loads: tuple[float, int], change: Callable[[World], None] = lambda _: None, **spec: Any
) -> tuple[FastAPITuning, datetime]:
    """The object as it is on the server after some cycles under each load (requests per second), and the time."""
    world = World()
    world.api.add_deployment(replicas=2)
    tuned, now = tuning(**spec), NOW
    for requests_per_second, cycles in loads:
        world.load.requests_per_second = requests_per_second
        for _ in range(cycles):
            await world.reconciler.cycle([tuned], [tuned], now)
            now += CYCLE
    change(world)
    await world.reconciler.cycle([tuned], [tuned], now)
    return tuned.model_copy(update={"status": world.status()}), now


async def test_a_move_is_told_with_its_reason_and_what_it_waits_for_next() -> None:
    told = story(*await after((900.0, 1)))
    assert "replicas 2 → 4: Panic" in told
    assert "900.0 requests/s offered" in told
    assert "Last decision 12:00:15 (0 s ago)" in told
    assert "the next decision 12:00:30 (in 15 s)" in told


async def test_a_wish_that_is_held_tells_which_guard_holds_it_and_until_when() -> None:
    told = story(*await after((900.0, 4), (100.0, 8)))
    assert "replicas: 4 now, the rule wants 1" in told
    assert "Panic holds it where it is" in told
    assert "(Half as much again is offered as the pods safely carry" in told, "the reason's own documentation"
    assert re.search(r"awaits that the overload is five minutes past, not before 12:\d\d:\d\d \(in ", told)


async def test_bounds_show_what_the_rule_wished_before_them() -> None:
    told = story(*await after((4000.0, 2), replicas={"min": 1, "max": 3}))
    assert re.search(r"replicas: 3 now, the rule wants 1\d\n", told)
    assert re.search(r"AtMaximum makes 3 of 1\d: maximum is 3", told)
    assert "awaits a higher maximum in the spec" in told


async def test_in_recommend_what_would_be_done_is_told() -> None:
    told = story(*await after((900.0, 1), mode="Recommend"))
    assert "ModeRecommend holds it where it is" in told
    assert "stays at 2; 4 is what it would be" in told


async def test_without_data_the_cause_comes_before_what_was_last_decided() -> None:
    def lose(world: World) -> None:
        world.load.reachable = False

    told = story(*await after((900.0, 4), (100.0, 8), change=lose))
    assert told.index("Ready is False") < told.index("No rule wishes anything now")
    assert told.count("(PrometheusUnreachable:") == 1, "explained once"


async def test_a_pause_is_told_with_its_end() -> None:
    end = NOW + timedelta(hours=1)
    told = story(*await after((900.0, 1), annotations={PAUSED_UNTIL_ANNOTATION: end.isoformat()}))
    assert "paused by annotation: nothing is moved until 13:00:00" in told
    assert "Paused holds it where it is" in told


def test_an_object_that_nobody_looked_at_says_so() -> None:
    unseen = tuning()
    unseen = unseen.model_copy(update={"status": unseen.status.model_copy(update={"history": history()})})
    blank = unseen.model_copy(
        update={"status": unseen.status.model_copy(update={"history": history(last_observation_time=None)})}
    )
    assert "Nothing was decided yet" in story(blank, NOW)


async def test_an_operator_that_is_silent_is_said_to_be() -> None:
    told, now = await after((900.0, 1))
    assert "Nothing newer" not in story(told, now + timedelta(minutes=4))
    assert "Nothing newer for 20 min" in story(told, now + timedelta(minutes=20))


async def test_the_database_is_told_with_who_holds_what() -> None:
    told, now = await after(
        (900.0, 1), database={"name": "main", "connectionsPerPod": 10, "maxConnections": 43}, replicas={"max": 10}
    )
    assert "Database main: 40 of 40 connections held; up to 3 replicas here, fair share 3." in story(told, now)
    assert "awaits free connections of the database" in story(told, now)


async def test_a_change_that_the_operator_has_not_seen_is_told() -> None:
    told, now = await after((900.0, 1))
    assert "The object was changed since" in story(told.model_copy(update={"generation": 2}), now)


def test_in_mode_off_nothing_is_said_to_come() -> None:
    told = story(tuning(mode="Off"), NOW)
    assert "looks away" in told
    assert "next decision" not in told


def test_guards_are_told_in_their_order_each_on_what_the_one_before_left() -> None:
    answers = (
        GuardAnswer(reason=Reason.AT_MINIMUM, value=2, message="minimum is 2"),
        GuardAnswer(reason=Reason.STEP_LIMITED, value=3, message="at most 1 pods a step"),
    )
    lines = wish_told(wish(wished=1, guards=answers, moved_to=3), situation())
    told = [line for line in lines if line.startswith("  - ")]
    assert told == [
        "  - AtMinimum makes 2 of 1: minimum is 2",
        "  - StepLimited makes 3 of 2: at most 1 pods a step",
    ]
    assert "  → moved to 3" in lines


def test_a_knob_that_is_where_it_should_be_awaits_nothing() -> None:
    lines = wish_told(wish(wished=4, reason=Reason.ALREADY_OPTIMAL), situation())
    assert not any("awaits" in line for line in lines)
    assert lines[0] == "replicas: 4 now, the rule would leave it at 4"


def test_settings_on_their_way_are_told() -> None:
    live = Live(generation=3, pods=4, agent_pods=4, acknowledged_pods=1)
    status = tuning().status.model_copy(update={"live": live})
    assert "1 of 4 pods say that they run with the newest settings" in ahead(situation(), status)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (84, "84 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 d")]
)
def test_a_length_of_time_has_one_unit(seconds: int, told: str) -> None:
    assert length(timedelta(seconds=seconds)) == told


def test_a_pause_without_an_end_is_not_told_as_a_date() -> None:
    assert until(datetime.fromisoformat("9999-12-31T00:00:00+00:00"), NOW) == "somebody ends it"


@given(st.sampled_from(Reason), st.none() | st.integers(0, 100), st.none() | st.integers(0, 100))
def test_every_reason_can_be_told_of_every_wish(reason: Reason, current: int | None, moved: int | None) -> None:
    answers = (GuardAnswer(reason=reason, message="so"),)
    assert wish_told(wish(current=current, reason=reason, guards=answers, moved_to=moved), situation())


async def test_what_limits_the_service_is_told_with_its_evidence_and_since_when() -> None:
    told = story(*await after((900.0, 1), mode="Recommend"))
    assert "ThreadPool limits the service (confidence 0." in told
    assert "of the safe load" in told
    quiet = story(*await after((100.0, 3)))
    assert "Nothing limits the service (confidence 0.9" in quiet


async def test_a_runner_up_is_told_and_so_is_not_to_know() -> None:
    tuned, now = await after((100.0, 1))
    unknown = DiagnosisStatus(
        factor=LimitingFactor.UNKNOWN, confidence="0.00", evidence="no signature fits", runner_up=LimitingFactor.CPU
    )
    told = story(tuned.model_copy(update={"status": tuned.status.model_copy(update={"diagnosis": unknown})}), now)
    assert "What limits the service (not known):" in told
    assert "next best fits CPU" in told
