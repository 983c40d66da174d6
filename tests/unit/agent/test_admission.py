"""The wrapper around an app, called as a server calls it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fastapi_tuning_agent.admission import App, Message, Receive, Scope, Send, admission
from fastapi_tuning_agent.environment import options_from
from fastapi_tuning_agent.settings import Settings
from fastapi_tuning_agent.traffic import Traffic

OPTIONS = options_from({"FASTAPI_TUNING_READINESS_PATHS": "/ready", "FASTAPI_TUNING_PROBE_PATHS": "/alive, /started"})


def answering(*statuses: int, then: Callable[[], Awaitable[None]] | None = None) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for status in statuses:
            await send({"type": "http.response.start", "status": status, "headers": [(b"x-own", b"1")]})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await send({"type": "http.response.body", "body": b"b"})
        if then is not None:
            await then()

    return app


async def ask(app: App, path: str = "/", **scope: Any) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    await app({"type": "http", "http_version": "1.1", "path": path, **scope}, receive, send)
    return sent


def outcomes(traffic: Traffic) -> dict[str, int]:
    return {
        name: sum(histogram.buckets[1]) for name, histogram in traffic.shown_durations() if any(histogram.buckets[1])
    }


async def test_an_answer_is_counted_once_by_its_class_and_passed_on_untouched() -> None:
    traffic = Traffic()
    sent = await ask(admission(answering(404), traffic, OPTIONS))
    assert sent == await ask(answering(404))
    assert (outcomes(traffic), traffic.started, traffic.in_flight) == ({"4xx": 1}, 1, 0)


async def test_a_background_task_is_no_part_of_the_answers_time() -> None:
    traffic = Traffic()
    counted_before_the_task: list[dict[str, int]] = []

    async def task() -> None:
        counted_before_the_task.append(outcomes(traffic))
        assert traffic.in_flight == 1

    await ask(admission(answering(200, then=task), traffic, OPTIONS))
    assert counted_before_the_task == [{"2xx": 1}]


async def test_an_app_that_raises_has_failed_and_raises_still() -> None:
    traffic = Traffic()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError("bug")

    with pytest.raises(LookupError, match="bug"):
        await ask(admission(app, traffic, OPTIONS))
    assert (outcomes(traffic), traffic.in_flight) == ({"5xx": 1}, 0)


async def test_an_app_that_does_not_answer_has_failed() -> None:
    traffic = Traffic()
    await ask(admission(answering(), traffic, OPTIONS))
    assert outcomes(traffic) == {"5xx": 1}


@pytest.mark.parametrize("path", ["/ready", "/alive", "/started", "/healthz", "/metrics"])
async def test_probes_are_neither_counted_nor_refused(path: str) -> None:
    traffic = Traffic()
    traffic.hold_to(Settings(in_flight_limit=1))
    traffic.in_flight = 1
    assert (await ask(admission(answering(200), traffic, OPTIONS), path))[0]["status"] == 200
    assert traffic.started == 0


async def test_over_the_limit_the_app_is_not_called() -> None:
    traffic = Traffic()
    traffic.hold_to(Settings(in_flight_limit=1))
    traffic.in_flight = 1
    start, body = await ask(admission(answering(200), traffic, OPTIONS))
    assert (start["status"], dict(start["headers"])[b"retry-after"], len(body["body"])) == (503, b"1", 19)
    assert (outcomes(traffic), traffic.shed["in_flight"], traffic.started) == ({"shed": 1}, 1, 1)


async def test_while_it_drains_only_readiness_fails_and_every_connection_is_closed() -> None:
    traffic = Traffic()
    app = admission(answering(200), traffic, OPTIONS)
    traffic.drain(True)
    assert (await ask(app, "/ready"))[0]["status"] == 503
    assert (await ask(app, "/alive"))[0]["status"] == 200
    assert (b"connection", b"close") in (await ask(app))[0]["headers"]
    traffic.drain(False)
    assert (await ask(app, "/ready"))[0]["status"] == 200


@pytest.mark.parametrize(("version", "closed"), [("1.1", 3), ("1.0", 3), ("2", 0)])
async def test_connections_are_closed_evenly_and_not_on_http_2(version: str, closed: int) -> None:
    traffic = Traffic()
    traffic.hold_to(Settings(close_connections_share=0.25))
    app = admission(answering(200), traffic, OPTIONS)
    starts = [(await ask(app, http_version=version))[0]["headers"] for _ in range(12)]
    assert sum((b"connection", b"close") in headers for headers in starts) == closed
    assert all((b"x-own", b"1") in headers for headers in starts)


async def test_what_is_no_http_request_passes_by() -> None:
    traffic = Traffic()
    traffic.hold_to(Settings(in_flight_limit=1))
    traffic.in_flight = 1
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    for kind in ("websocket", "lifespan"):
        await ask(admission(app, traffic, OPTIONS), type=kind)
    assert seen == ["websocket", "lifespan"]
    assert traffic.started == 0
