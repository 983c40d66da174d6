"""One small app, measured by the library that is asked for: `python -m tests.integration.instrumented_apps LIBRARY FD`.

Each library is set up as docs/metrics.md says. The descriptor is a listening socket.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Mapping

import uvicorn
from fastapi import FastAPI, HTTPException, Response
from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_fastapi_instrumentator import Instrumentator
from starlette_exporter import PrometheusMiddleware

LATE_SECONDS = 0.65
"""Above the objective of 500 ms, below the next bucket edge of every library."""


def with_instrumentator(app: FastAPI) -> None:
    Instrumentator(excluded_handlers=["^/healthz$", "^/metrics$"]).instrument(app)


def with_instrumentator_as_it_comes(app: FastAPI) -> None:
    Instrumentator().instrument(app)


def with_starlette_exporter(app: FastAPI) -> None:
    app.add_middleware(PrometheusMiddleware, skip_paths=["/healthz", "/metrics"])


def with_opentelemetry(app: FastAPI) -> None:
    """Old names, or new ones with OTEL_SEMCONV_STABILITY_OPT_IN=http."""
    metrics.set_meter_provider(MeterProvider(metric_readers=[PrometheusMetricReader()]))
    FastAPIInstrumentor.instrument_app(app, excluded_urls="/healthz,/metrics")


LIBRARIES: Mapping[str, Callable[[FastAPI], None]] = {
    "instrumentator": with_instrumentator,
    "instrumentator-as-it-comes": with_instrumentator_as_it_comes,
    "starlette-exporter": with_starlette_exporter,
    "opentelemetry": with_opentelemetry,
}


def app_of(library: str) -> FastAPI:
    app = FastAPI()

    @app.get("/fast")
    async def fast() -> str:
        return "done"

    @app.get("/late")
    async def late() -> str:
        await asyncio.sleep(LATE_SECONDS)
        return "done"

    @app.get("/unavailable")
    async def unavailable() -> str:
        raise HTTPException(503)

    @app.get("/broken")
    async def broken() -> str:
        raise RuntimeError("nobody handles this")

    @app.get("/healthz")
    async def healthz() -> str:
        return "well"

    @app.get("/metrics")
    async def metrics_page() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    LIBRARIES[library](app)
    return app


def main() -> None:
    library, descriptor = sys.argv[1], int(sys.argv[2])
    server = uvicorn.Server(uvicorn.Config(app_of(library), log_level="warning"))
    server.run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main()
