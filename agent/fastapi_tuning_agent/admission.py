"""ASGI wrapper around the whole app: counts its requests, and refuses those that would only make all others late.

It stands in every request's way, so it is written for speed: a function and not an object, nothing around `receive`, a
plain function around `send`, and the counting spelt out. What it costs: benchmarks/results/2026-11-24-agent.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable, MutableMapping
from time import monotonic
from typing import Any

from fastapi_tuning_agent.environment import Options
from fastapi_tuning_agent.traffic import SHED, Traffic

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

RETRY_AFTER_SECONDS = b"1"
_ANSWERED = -1


def admission(app: App, traffic: Traffic, options: Options) -> App:
    """The app with its requests counted in `traffic` and held to its limits. Probes, scrapes and WebSockets pass by."""
    exempt_paths = options.exempt_paths
    readiness_paths = options.readiness_paths

    async def admitted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in exempt_paths:
            if traffic.draining and scope["type"] == "http" and scope["path"] in readiness_paths:
                await _refuse(send)
            else:
                await app(scope, receive, send)
            return
        now = monotonic()
        waited = traffic.waited(now, receive)
        began = now - waited
        traffic.started += 1
        if traffic.guarded and (rule := traffic.refusal(now, waited)) is not None:
            await _refuse(send)
            traffic.refused(rule, monotonic() - began)
            return
        status = SHED

        def watched(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if traffic.closing and traffic.closes_next():
                    message = _closing(scope, message)
            elif status > 0 and not message.get("more_body"):
                # Here and not when the app returns: background tasks run after the answer.
                seconds = monotonic() - began
                histogram = traffic.durations[status // 100]
                edges, counts = histogram.buckets
                counts[bisect_left(edges, seconds)] += 1
                histogram.sum_seconds += seconds
                status = _ANSWERED
            return send(message)

        traffic.in_flight += 1
        try:
            await app(scope, receive, watched)
        except Exception:
            if status != _ANSWERED:
                traffic.failed(monotonic() - began)
            raise
        finally:
            traffic.in_flight -= 1
        if status != _ANSWERED:  # the server makes a 500 of an app that does not answer
            traffic.failed(monotonic() - began)

    return admitted


async def _refuse(send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"19"),
        (b"retry-after", RETRY_AFTER_SECONDS),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"Service Unavailable"})


def _closing(scope: Scope, message: Message) -> Message:
    """The start of the answer with `Connection: close`; as it was where HTTP has no such header."""
    if not str(scope.get("http_version", "")).startswith("1"):
        return message
    return {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
