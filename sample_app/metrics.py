"""Metrics of the requests, and the page that Prometheus reads."""

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_fastapi_instrumentator import Instrumentator


def measure_requests(app: FastAPI) -> None:
    """Adds the instrumentator's default metrics; probes and scrapes are not part of the load."""
    Instrumentator(excluded_handlers=["^/healthz$", "^/readyz$", "^/metrics$"]).instrument(app)
    app.get("/metrics", include_in_schema=False)(metrics_page)


async def metrics_page() -> Response:
    """`async` on purpose: the instrumentator's own page is a `def` endpoint, which would wait for a thread
    with all other calls just when the pool is full and the numbers are needed."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
