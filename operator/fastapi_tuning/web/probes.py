"""Health, readiness and metrics, for the kubelet and for Prometheus, which bring no token."""

import time
from collections.abc import Callable

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

LONGEST_SILENCE_SECONDS = 60.0


def probes(registry: CollectorRegistry, heartbeat: Callable[[], float], listed: Callable[[], bool]) -> APIRouter:
    """The routes.

    Args:
        heartbeat: monotonic time of the last finished tick of the control loop, or of its start.
        listed: whether a full list of objects was seen.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> Response:
        """Alive: the control loop finished a tick, or began, in the last minute."""
        silent = time.monotonic() - heartbeat() > LONGEST_SILENCE_SECONDS
        return Response("control loop is silent" if silent else "ok", status_code=503 if silent else 200)

    @router.get("/readyz")
    async def readyz() -> Response:
        """Ready: the objects can be read."""
        return Response("ok") if listed() else Response("no list of FastAPITunings yet", status_code=503)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
