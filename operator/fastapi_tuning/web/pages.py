"""Health, readiness and metrics, for the kubelet and for Prometheus. Nothing here can change anything."""

import time
from collections.abc import Callable

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

LONGEST_SILENCE_SECONDS = 60.0


def pages(registry: CollectorRegistry, heartbeat: Callable[[], float], listed: Callable[[], bool]) -> FastAPI:
    """The app.

    Args:
        heartbeat: monotonic time of the last finished tick of the control loop, or of its start.
        listed: whether a full list of objects was seen.
    """
    app = FastAPI(title="fastapi-tuning-operator", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> Response:
        """Alive: the control loop finished a tick, or began, in the last minute."""
        silent = time.monotonic() - heartbeat() > LONGEST_SILENCE_SECONDS
        return Response("control loop is silent" if silent else "ok", status_code=503 if silent else 200)

    @app.get("/readyz")
    async def readyz() -> Response:
        """Ready: the objects can be read."""
        return Response("ok") if listed() else Response("no list of FastAPITunings yet", status_code=503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app
