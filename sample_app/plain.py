"""An app that knows nothing of tuning: no metrics, no settings, no agent. `uvicorn sample_app.plain:app`.

It shows what the operator makes of a service that nobody prepared for it.
"""

import asyncio
import time
from typing import Annotated

from fastapi import FastAPI, Query

from sample_app.computing import compute

Milliseconds = Annotated[int, Query(ge=0, le=10_000)]

app = FastAPI()


@app.get("/healthz")
async def alive() -> dict[str, str]:
    return {"status": "alive"}


@app.get("/readyz")
async def ready() -> dict[str, str]:
    return {"status": "ready"}


@app.get("/threads")
def holds_a_thread(milliseconds: Milliseconds = 250) -> dict[str, int]:
    """Waits in a `def` endpoint, as on a slow database."""
    time.sleep(milliseconds / 1000)
    return {"waited_milliseconds": milliseconds}


@app.get("/loop")
async def waits_in_the_loop(milliseconds: Milliseconds = 250) -> dict[str, int]:
    await asyncio.sleep(milliseconds / 1000)
    return {"waited_milliseconds": milliseconds}


@app.get("/compute")
async def computes_in_the_loop(milliseconds: Milliseconds = 5) -> dict[str, int]:
    """Takes CPU time, and no other request moves meanwhile."""
    compute(milliseconds / 1000)
    return {"computed_milliseconds": milliseconds}


@app.get("/blocks")
async def blocks_the_loop(milliseconds: Milliseconds = 200) -> dict[str, int]:
    """Bad on purpose: no other request moves while it waits."""
    time.sleep(milliseconds / 1000)  # noqa: ASYNC251 - the mistake this endpoint is there to show
    return {"waited_milliseconds": milliseconds}
