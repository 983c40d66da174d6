"""The loop around the cycles: lists, and what is let go of."""

from typing import Any

import pytest

from fastapi_tuning.api_server import Json
from fastapi_tuning.errors import NotFound
from fastapi_tuning.handlers.cache import TuningCache
from tests.unit.handlers.test_unreadable_objects import Operator, body


def listing(operator: Operator, *names: str, meanwhile: Any = None) -> None:
    async def get(path: str, query: dict[str, str] | None = None) -> Json:
        if meanwhile is not None:
            operator.cache.seen(meanwhile)
        return {"metadata": {}, "items": [{"metadata": {"namespace": "shop", "name": name}} for name in names]}

    operator.api.get = get  # type: ignore[method-assign]


async def test_it_has_seen_a_list_when_one_was_answered() -> None:
    operator = Operator()
    with pytest.raises(NotFound):
        await operator.loop.relist()
    assert not operator.loop.listed

    listing(operator)
    await operator.loop.relist()
    assert operator.loop.listed


async def test_the_first_list_fills_the_cache_so_that_no_cycle_runs_without_knowing_all() -> None:
    operator = Operator()
    operator.cache.seen(body(mode="Off"))

    async def get(path: str, query: dict[str, str] | None = None) -> Json:
        other = body(uid="uid-2")
        return {"metadata": {}, "items": [body(), {**other, "metadata": {**other["metadata"], "name": "basket"}}]}

    operator.api.get = get  # type: ignore[method-assign]
    await operator.loop.relist()

    assert operator.cache.keys == {("shop", "checkout"), ("shop", "basket")}
    assert {tuning.spec.mode for tuning in operator.cache.tunings} == {"Off", "Recommend"}, "the watch knows better"


async def test_what_the_list_does_not_show_is_gone_and_what_came_meanwhile_is_not() -> None:
    operator = Operator()
    operator.cache.seen(body())
    listing(operator, meanwhile={**body(), "metadata": {**body()["metadata"], "name": "new", "uid": "new"}})

    await operator.loop.relist()

    assert operator.cache.keys == {("shop", "new")}


async def test_what_is_gone_is_let_go_of_by_the_next_tick_and_not_within_a_cycle() -> None:
    operator = Operator()
    operator.cache = TuningCache(on_gone=operator.loop.forget)
    operator.loop.cache = operator.cache
    operator.api.add_deployment(replicas=5)
    restoring = {**body(onDelete="Restore"), "status": {"original": {"replicas": 2}, "applied": {"replicas": 5}}}
    operator.cache.seen(restoring)

    operator.cache.gone(("shop", "checkout"))
    assert operator.api.changed == []
    await operator.tick(1.0)

    (deployment,) = operator.api.deployments.values()
    assert deployment["spec"]["replicas"] == 2
