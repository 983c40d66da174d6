"""What the sample app tells about its requests."""

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

Shown = Callable[..., float | None]
Start = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.mark.parametrize("path", ["/async", "/healthz", "/no-such-page"])
async def test_every_answer_tells_its_time(path: str, client: httpx.AsyncClient) -> None:
    assert re.fullmatch(r"\d+\.\dms", (await client.get(path)).headers["X-Response-Time"])


async def test_a_request_over_a_second_is_a_warning(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.get("/async?milliseconds=1010")
    assert "slow request: GET /async" in caplog.text


async def test_a_fast_request_is_no_warning(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    await client.get("/async")
    assert "slow request" not in caplog.text


async def test_requests_are_counted_and_timed(client: httpx.AsyncClient, shown: Shown) -> None:
    labels = {"handler": "/async", "method": "GET", "status": "2xx"}
    counted = shown("http_requests_total", **labels) or 0
    timed = shown("http_request_duration_highr_seconds_count") or 0
    await client.get("/async")
    assert shown("http_requests_total", **labels) == counted + 1
    assert shown("http_request_duration_highr_seconds_count") == timed + 1


async def test_the_objective_is_a_bucket_edge(client: httpx.AsyncClient, shown: Shown) -> None:
    await client.get("/async")
    assert shown("http_request_duration_highr_seconds_bucket", le="0.5") is not None


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_and_scrapes_are_not_part_of_the_load(path: str, client: httpx.AsyncClient, shown: Shown) -> None:
    timed = shown("http_request_duration_highr_seconds_count")
    started = shown("fastapi_tuning_requests_started_total")
    await client.get(path)
    assert shown("http_request_duration_highr_seconds_count") == timed
    assert shown("fastapi_tuning_requests_started_total") == started


async def test_the_metrics_page_answers_while_every_thread_is_busy(served_url: str) -> None:
    async with httpx.AsyncClient(base_url=served_url, limits=httpx.Limits(max_connections=60)) as client:
        slow = [asyncio.create_task(client.get("/sync-slow?milliseconds=400")) for _ in range(50)]
        page = ""
        async with asyncio.timeout(10):
            while "fastapi_tuning_thread_pool_busy 40.0" not in page:
                page = (await client.get("/metrics")).text
        assert not any(request.done() for request in slow)
        assert "fastapi_tuning_thread_pool_limit 40.0" in page
        await asyncio.gather(*slow)


async def test_the_size_from_the_environment_is_the_one_in_force(monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    monkeypatch.setenv("FASTAPI_TUNING_THREAD_POOL_SIZE", "7")
    async with start() as client:
        assert "fastapi_tuning_thread_pool_limit 7.0" in (await client.get("/metrics")).text
