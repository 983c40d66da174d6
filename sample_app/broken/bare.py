"""What all of them begin with: an app with probes and nothing else."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI


def bare(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None) -> FastAPI:
    """An app that is alive and ready; `lifespan` opens what its endpoint needs, in `app.state`."""
    app = FastAPI(lifespan=lifespan)
    for path in ("/healthz", "/readyz"):
        app.get(path)(_well)
    return app


async def _well() -> dict[str, str]:
    return {"status": "well"}
