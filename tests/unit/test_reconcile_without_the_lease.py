"""Cycles of an operator whose lease is lost half-way, or held by another."""

from collections.abc import Iterator

import pytest
from prometheus_client import generate_latest

from fastapi_tuning.errors import NotLeading
from fastapi_tuning.leadership.fenced_api import FencedApi
from tests.unit.fakes.world import World, of_two_pods, tuning


def fenced(world: World, allowed: Iterator[float]) -> World:
    """The world's operator, that may write while `allowed` gives something."""
    api = FencedApi(api=world.api, write_seconds=lambda: next(allowed, 0.0))
    world.reconciler.api = world.reconciler.events.api = world.reconciler.live_path.api = api
    return world


async def test_without_the_lease_a_cycle_writes_nothing_and_says_why_it_ended(world: World) -> None:
    fenced(world, iter(()))
    with pytest.raises(NotLeading):
        await world.cycle(tuning())
    assert (world.api.changed, world.api.events, world.api.statuses) == ([], [], {})


async def test_a_lease_that_is_lost_after_the_move_ends_the_cycle_before_its_status(world: World) -> None:
    fenced(world, iter((5.0,)))
    with pytest.raises(NotLeading):
        await world.cycle(tuning(), tuning("other"))
    assert world.replicas() == 4
    assert (world.api.events, world.api.statuses) == ([], {})


async def test_the_next_leader_sees_that_move_and_does_not_make_it_twice() -> None:
    first = fenced(of_two_pods(), iter((5.0,)))
    with pytest.raises(NotLeading):
        await first.cycle(tuning())
    second = World(api=first.api)

    await second.cycle(tuning(), after_seconds=15)

    assert len(second.api.changed) == 1, "by the first one"
    assert second.replicas() == 4


async def test_who_leads_no_longer_knows_only_what_the_objects_say_and_shows_no_series_of_them(world: World) -> None:
    found = tuning()
    await world.cycle(found)
    assert world.reconciler.newest_status(found) != found.status
    assert "fastapi_tuning_offered_requests_per_second{" in generate_latest(world.registry).decode()

    world.reconciler.forget_all()

    assert world.reconciler.newest_status(found) == found.status
    assert 'namespace="shop"' not in generate_latest(world.registry).decode()


async def test_a_deletion_that_is_seen_without_the_lease_restores_nothing(world: World) -> None:
    found = tuning(onDelete="Restore")
    await world.cycle(found)
    moved = world.replicas()
    fenced(world, iter(()))
    await world.reconciler.let_go(found)
    assert world.replicas() == moved
