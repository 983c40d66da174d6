"""Health, readiness and metrics, for the kubelet and for Prometheus. Nothing here can change anything."""

import time
from collections.abc import Callable

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

LONGEST_SILENCE_SECONDS = 60.0


def pages(registry: CollectorRegistry, heartbeat: Callable[[], float]) -> FastAPI:
    """The app; `heartbeat` gives the monotonic time of the last finished tick of the control loop."""
    app = FastAPI(title="fastapi-tuning-operator", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> Response:
        """Alive: the control loop finished a tick in the last minute, or has not begun yet."""
        last = heartbeat()
        silent = last > 0 and time.monotonic() - last > LONGEST_SILENCE_SECONDS
        return Response("control loop is silent" if silent else "ok", status_code=503 if silent else 200)

    @app.get("/readyz")
    async def readyz() -> Response:
        """Ready: the control loop runs."""
        return Response("ok", status_code=200) if heartbeat() > 0 else Response("starting", status_code=503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app
