"""The load generator against the real app on loopback, as its command line is used."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from aiohttp import web

COMPLETE = ("--url", "http://127.0.0.1:9", "--profile", "1s@1")
"""What has to be given; a test adds what it is about."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@asynccontextmanager
async def load(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fastapi_tuning.load", *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def metrics_page(port: int, wanted: str) -> str:
    """Polls the generator's metrics until `wanted` is among them."""
    async with asyncio.timeout(20), httpx.AsyncClient() as client:
        while True:
            try:
                page = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            except httpx.TransportError:
                page = ""
            if wanted in page:
                return page
            await asyncio.sleep(0.05)


async def test_offers_the_profile_and_sums_up_each_phase(served_url: str) -> None:
    port = free_port()
    arguments = ("--url", served_url, "--profile", "1s@20,1s@60", "--metrics-port", str(port))
    async with load(*arguments) as process:
        stdout, stderr = await asyncio.wait_for(process.communicate(), 30)
    phases = [json.loads(line) for line in stdout.splitlines()]
    assert process.returncode == 0, stderr.decode()
    assert [phase["phase"] for phase in phases] == ["1s@20", "1s@60"]
    assert all(phase["completed"] == phase["offered"] > 0 for phase in phases)
    assert all(phase["p50_seconds"] >= 0.02 for phase in phases)


async def test_shows_its_metrics_while_it_lingers_and_ends_when_told(served_url: str) -> None:
    port = free_port()
    arguments = ("--url", served_url, "--profile", "1s@30", "--metrics-port", str(port), "--linger-seconds", "60")
    async with load(*arguments) as process:
        assert process.stdout is not None
        summary = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        page = await metrics_page(port, f"loadgen_offered_requests_total {float(summary['offered'])}")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    assert f'loadgen_requests_total{{outcome="ok"}} {float(summary["completed"])}' in page
    assert f"loadgen_request_duration_seconds_count {float(summary['offered'])}" in page
    assert "loadgen_offered_rate 0.0" in page


async def test_a_service_that_refuses_is_errors_and_no_fast_answers() -> None:
    port = free_port()
    arguments = ("--profile", "1s@30", "--metrics-port", str(port), "--timeout", "2", "--linger-seconds", "60")
    async with load("--url", f"http://127.0.0.1:{free_port()}", *arguments) as process:
        assert process.stdout is not None
        summary = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
        page = await metrics_page(port, 'loadgen_request_duration_seconds_bucket{le="1.5"} 0.0')
    assert summary["errors"] == summary["offered"] > 0
    assert summary["share_within_objective"] == 0
    assert summary["p50_seconds"] is None
    assert f'loadgen_requests_total{{outcome="error"}} {float(summary["errors"])}' in page


async def test_a_service_that_does_not_answer_in_time_is_timeouts(served_url: str) -> None:
    path = "/async?milliseconds=1000"
    arguments = ("--path", path, "--profile", "1s@20", "--timeout", "0.1", "--metrics-port", str(free_port()))
    async with load("--url", served_url, *arguments) as process:
        stdout, _ = await asyncio.wait_for(process.communicate(), 30)
    summary = json.loads(stdout)
    assert summary["timeouts"] == summary["offered"] > 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--url", "http://8.8.8.8", "--profile", "1s@1"), "loopback and private networks only"),
        (("--url", "http://127.0.0.1", "--path", "//8.8.8.8/", "--profile", "1s@1"), "loopback and private"),
        (("--url", "ftp://127.0.0.1", "--profile", "1s@1"), "no http URL"),
        (("--url", "http://127.0.0.1", "--profile", "forever@1"), "no phase"),
        (("--url", "http://127.0.0.1", "--profile", "2m@1", "--timeout", "0"), "not between"),
        ((*COMPLETE, "--timeout", "x"), "--timeout: 'x' is no number"),
        ((*COMPLETE, "--objective-milliseconds", "nan"), "--objective-milliseconds: 'nan' is not between"),
        ((*COMPLETE, "--linger-seconds", "-5"), "--linger-seconds: '-5' is not between 0 and"),
        ((*COMPLETE, "--linger-seconds", "nan"), "--linger-seconds: 'nan' is not between 0 and"),
        ((*COMPLETE, "--metrics-port", "99999"), "--metrics-port: '99999' is no port between 1 and 65535"),
        ((*COMPLETE, "--metrics-port", "91.5"), "--metrics-port: '91.5' is no port"),
        (
            ("--url", "http://127.0.0.1:99999", "--profile", "1s@1"),
            "--url: 'http://127.0.0.1:99999': Port out of range",
        ),
    ],
)
async def test_refuses_and_says_why(arguments: tuple[str, ...], complaint: str) -> None:
    async with load(*arguments) as process:
        _, stderr = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert complaint in stderr.decode()


async def test_a_metrics_port_that_is_taken_is_named() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        async with load("--url", "http://127.0.0.1:9", "--profile", "1s@1", "--metrics-port", str(port)) as process:
            _, stderr = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert "ddress already in use" in stderr.decode()


async def test_a_load_that_does_harm_ends_at_once(served_url: str) -> None:
    """Each answer is late by its objective: fifty of them are enough, though the profile has ten minutes."""
    arguments = ("--path", "/async?milliseconds=30", "--objective-milliseconds", "10", "--stop-at-bad-share", "0.2")
    profile = ("--profile", "5m@100,5m@100", "--metrics-port", str(free_port()))
    async with load("--url", served_url, *arguments, *profile) as process:
        stdout, _ = await asyncio.wait_for(process.communicate(), 30)
    (summary,) = [json.loads(line) for line in stdout.splitlines()]
    assert process.returncode == 0
    assert summary["cut_short"] is True
    assert summary["seconds"] < 30
    assert 50 <= summary["offered"] < 1000


async def test_a_refusal_is_told_from_an_error() -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=503)

    app = web.Application()
    app.router.add_get("/", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        arguments = ("--path", "/", "--profile", "1s@20", "--metrics-port", str(free_port()))
        async with load("--url", f"http://127.0.0.1:{port}", *arguments) as process:
            stdout, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        await runner.cleanup()
    summary = json.loads(stdout)
    assert summary["shed"] == summary["errors"] == summary["offered"] > 0
