"""Counts requests when they arrive: while they queue, the app's own metrics have not seen them yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

UNCOUNTED_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/metrics"})
"""Probes and scrapes: they come with the pod, not with the load."""


class RequestCount:
    """Requests of one app. Written in the event loop's thread, read from any."""

    __slots__ = ("in_flight", "started")

    def __init__(self) -> None:
        self.started = 0
        self.in_flight = 0


class RequestCounter:
    """ASGI middleware around the whole app. It looks at a request, never into it."""

    def __init__(self, app: ASGIApp, count: RequestCount) -> None:
        self._app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNCOUNTED_PATHS:
            await self._app(scope, receive, send)
            return
        self._count.started += 1
        self._count.in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._count.in_flight -= 1
