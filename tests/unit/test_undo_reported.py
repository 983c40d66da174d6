"""A step down that hurts, in a whole cycle: what is written, said, counted and explained."""

import pytest
from prometheus_client import generate_latest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.explain.story import story
from fastapi_tuning.observe.prometheus import Sample
from tests.unit.fakes.world import HISTOGRAM, NOW, World, tuning


class LateOnOnePod(World):
    """100 requests/s, a tenth of which one pod alone answers late, whatever its threads and CPU say."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.api.add_deployment(replicas=2)
        self.load.requests_per_second = 100.0
        whole = self.load.query

        def query(promql: str, at: object) -> tuple[Sample, ...]:
            samples = whole(promql, NOW)
            if f"{HISTOGRAM}_bucket" not in promql or self.replicas() > 1:
                return samples
            return tuple(
                Sample(labels=each.labels, value=0.9 * each.value) if each.labels["le"] == "0.5" else each
                for each in samples
            )

        self.reconciler.prometheus["default"].query = query  # type: ignore[method-assign]


OBJECT: FastAPITuning = tuning()


async def until_it_is_undone() -> tuple[LateOnOnePod, int]:
    world = LateOnOnePod()
    for seconds in range(0, 600, 15):
        await world.cycle(OBJECT, after_seconds=seconds)
        if ("Warning", Reason.UNDONE) in world.said():
            return world, seconds
    pytest.fail("nothing was undone")


async def test_it_is_undone_told_and_counted_once() -> None:
    world, seconds = await until_it_is_undone()
    for more in range(15, 120, 15):
        await world.cycle(OBJECT, after_seconds=seconds + more)

    assert world.replicas() == 2
    warnings = [event["message"] for event in world.api.events if event["type"] == "Warning"]
    (told,) = (message for message in warnings if "goes back" in message)
    assert told.startswith("replicas goes back: after 2 → 1 10.00% late")
    assert "not tried again before 12:" in told
    counted = 'fastapi_tuning_undone_total{knob="replicas",name="checkout",namespace="shop"} 1.0'
    assert counted in generate_latest(world.registry).decode()
    move = next(each for each in world.status().decisions if each.reason is Reason.UNDONE)
    assert (move.from_value, move.to_value) == ("1", "2")


async def test_until_the_back_off_is_over_a_condition_says_what_keeps_the_replicas_up() -> None:
    world, seconds = await until_it_is_undone()
    await world.cycle(OBJECT, after_seconds=seconds + 300)

    limited = world.condition("ScalingLimited")
    assert (limited.status, limited.reason) == ("True", Reason.UNDONE)
    assert "not before 12:" in limited.message


async def test_it_is_explained_with_what_is_watched_and_until_when_it_is_not_tried_again() -> None:
    world = LateOnOnePod()
    seconds = 0
    while world.replicas() == 2:
        await world.cycle(OBJECT, after_seconds=seconds)
        seconds += 15
    await world.cycle(OBJECT, after_seconds=seconds)
    watched = OBJECT.model_copy(update={"status": world.status()})
    assert "replicas 2 → 1 of " in story(watched, NOW)
    assert "0 of 300 s with as much load seen; it goes back if it makes things worse" in story(watched, NOW)

    world, seconds = await until_it_is_undone()
    await world.cycle(OBJECT, after_seconds=seconds + 300)
    held = story(OBJECT.model_copy(update={"status": world.status()}), NOW)
    assert "replicas went back, after 2 → 1 10.00% late" in held
    assert "awaits the next try of what made it worse, not before 12:" in held
    assert "(Undone: " in held or "(It got worse after this knob was moved" in held
