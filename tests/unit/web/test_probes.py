"""What the kubelet is told."""

import time

import httpx
import pytest
from prometheus_client import CollectorRegistry

from fastapi_tuning.handlers.loop import ControlLoop
from fastapi_tuning.web.app import web_app
from fastapi_tuning.web.probes import LONGEST_SILENCE_SECONDS, probes
from tests.unit.handlers.test_unreadable_objects import Operator


async def answer(path: str, *, age_seconds: float = 0.0, listed: bool = True) -> int:
    began = time.monotonic() - age_seconds
    app = web_app(probes(CollectorRegistry(), lambda: began, lambda: listed))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://operator") as client:
        return (await client.get(path)).status_code


async def test_ready_means_that_the_objects_can_be_read() -> None:
    assert await answer("/readyz", listed=False) == 503
    assert await answer("/readyz", listed=True) == 200


@pytest.mark.parametrize(("age_seconds", "status"), [(1.0, 200), (LONGEST_SILENCE_SECONDS + 1, 503)])
async def test_a_loop_that_is_silent_for_a_minute_is_not_healthy(age_seconds: float, status: int) -> None:
    assert await answer("/healthz", age_seconds=age_seconds) == status


def test_a_loop_whose_first_tick_never_ends_is_silent_too() -> None:
    loop: ControlLoop = Operator().loop

    assert 0 <= time.monotonic() - loop.heartbeat < LONGEST_SILENCE_SECONDS
