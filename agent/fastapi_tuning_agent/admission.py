"""ASGI wrapper around the whole app: counts its requests, and refuses those that would only make all others late.

It stands in every request's way, so it does little: no wrapper of `receive`, and a plain function around `send`.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from fastapi_tuning_agent.environment import Options
from fastapi_tuning_agent.traffic import SHED, Traffic

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

RETRY_AFTER_SECONDS = b"1"
SEEN = "fastapi_tuning_agent"
"""Key of a scope that an outer Admission has counted: an app may be wrapped by its server and by itself."""


class Admission:
    """One wrapped app. Probes, scrapes and WebSockets pass uncounted."""

    __slots__ = ("_app", "_exempt_paths", "_readiness_paths", "_traffic")

    def __init__(self, app: App, traffic: Traffic, options: Options) -> None:
        self._app = app
        self._traffic = traffic
        self._exempt_paths = options.exempt_paths
        self._readiness_paths = options.readiness_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or SEEN in scope or scope["path"] in self._exempt_paths:
            await self._pass_by(scope, receive, send)
            return
        scope[SEEN] = True
        traffic = self._traffic
        began = monotonic()
        traffic.started += 1
        if traffic.guarded and (reason := traffic.refusal(began)) is not None:
            traffic.shed[reason] += 1
            await _refuse(send)
            traffic.answered(SHED, monotonic() - began)
            return
        status = 0

        def watched(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if (traffic.close_share or traffic.draining) and traffic.closes_next():
                    message = _closing(scope, message)
            elif status > 0 and not message.get("more_body"):
                # Here and not when the app returns: background tasks run after the answer.
                traffic.answered(status, monotonic() - began)
                status = -1
            return send(message)

        traffic.in_flight += 1
        try:
            await self._app(scope, receive, watched)
        except Exception:
            if status >= 0:
                traffic.answered(500, monotonic() - began)
            raise
        finally:
            traffic.in_flight -= 1
        if status >= 0:  # the server makes a 500 of an app that does not answer
            traffic.answered(500, monotonic() - began)

    async def _pass_by(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._traffic.draining and scope["type"] == "http" and scope["path"] in self._readiness_paths:
            await _refuse(send)
        else:
            await self._app(scope, receive, send)


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
