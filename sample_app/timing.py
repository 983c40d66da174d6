"""Tells each client how long its request took, and the log about the slow ones.

Plain ASGI: `BaseHTTPMiddleware` would add a task and a queue to each request.
"""

import logging
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SLOW_REQUEST_SECONDS = 1.0

_log = logging.getLogger("uvicorn.error")  # the logger that uvicorn has set up to reach the terminal


class Timing:
    """Sets `X-Response-Time` and warns about requests that took more than a second."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def send_with_time(message: Message) -> None:
            if message["type"] == "http.response.start":
                milliseconds = (time.perf_counter() - started) * 1000
                MutableHeaders(scope=message)["X-Response-Time"] = f"{milliseconds:.1f}ms"
            await send(message)

        try:
            await self._app(scope, receive, send_with_time)
        finally:
            seconds = time.perf_counter() - started
            if seconds > SLOW_REQUEST_SECONDS:
                _log.warning("slow request: %s %s took %.3f s", scope["method"], scope["path"], seconds)
