"""An exception that nobody expected: it ends the cycle of one object, with a traceback, and nobody else's."""

import logging
from datetime import datetime
from typing import Any

import pytest
from prometheus_client import generate_latest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api_server import Json, PatchType
from fastapi_tuning.observe.prometheus import Sample
from tests.unit.fakes.world import Load, World, tuning


def two_targets() -> World:
    world = World()
    world.api.add_deployment("checkout", replicas=2)
    world.api.add_deployment("search", replicas=2)
    return world


async def cycle(world: World) -> None:
    await world.cycle(tuning(), tuning("search", targetRef={"name": "search"}))


def assert_only_search_was_tuned(world: World, caplog: pytest.LogCaptureFixture) -> None:
    ready = world.condition("Ready", "checkout")
    assert (ready.status, ready.reason) == ("False", Reason.INTERNAL_ERROR)
    assert "ZeroDivisionError" in ready.message
    assert world.condition("Ready", "search").status == "True"
    assert any(record.exc_info for record in caplog.records), "the traceback is in the log"
    assert 'fastapi_tuning_cycle_failures_total{reason="InternalError"}' in generate_latest(world.registry).decode()


async def test_while_its_target_is_read(caplog: pytest.LogCaptureFixture) -> None:
    world = two_targets()
    read = world.api.get

    async def poisoned(path: str, query: dict[str, str] | None = None) -> Json:
        if path.endswith("/checkout"):
            raise ZeroDivisionError
        return await read(path, query)

    world.api.get = poisoned  # type: ignore[method-assign]
    await cycle(world)

    assert_only_search_was_tuned(world, caplog)


async def test_while_it_is_written(caplog: pytest.LogCaptureFixture) -> None:
    world = two_targets()
    write = world.api.patch

    async def poisoned(path: str, body: Json, patch_type: PatchType) -> Json:
        if path.endswith("/checkout/scale"):
            raise ZeroDivisionError
        return await write(path, body, patch_type)

    world.api.patch = poisoned  # type: ignore[method-assign]
    await cycle(world)

    assert_only_search_was_tuned(world, caplog)


async def test_while_all_metrics_are_read_in_one_batch(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = two_targets()
    judge = __import__("fastapi_tuning.observe.metrics", fromlist=["signals_of"]).signals_of

    def poisoned(pods: frozenset[tuple[str, str]], *rest: Any, **options: Any) -> Any:
        if any(pod.startswith("checkout") for _, pod in pods):
            raise ZeroDivisionError
        return judge(pods, *rest, **options)

    monkeypatch.setattr("fastapi_tuning.observe.metrics.signals_of", poisoned)
    await cycle(world)

    assert_only_search_was_tuned(world, caplog)


async def test_an_object_whose_status_cannot_even_be_written_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    world = two_targets()
    write = world.api.patch

    async def poisoned(path: str, body: Json, patch_type: PatchType) -> Json:
        if "/checkout" in path:
            raise ZeroDivisionError
        return await write(path, body, patch_type)

    world.api.patch = poisoned  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR):
        await cycle(world)

    assert world.condition("Ready", "search").status == "True"


async def test_a_prometheus_that_fails_in_a_new_way_moves_nothing() -> None:
    world = two_targets()

    class Broken(Load):
        def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
            raise ZeroDivisionError

    world.reconciler.prometheus = {"default": Broken(world.api, 900.0)}
    await cycle(world)

    assert world.replicas() == 2
    assert world.condition("Ready", "search").reason == Reason.INTERNAL_ERROR
