"""A database that is the bottleneck: all requests of all pods want one of four rows, and lock it for 100 ms.

So it answers 40 requests a second, whoever asks. Each thread has a connection; neither is short. The rows are
PostgreSQL's advisory locks, which need no table, and end with the transaction.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from fastapi import FastAPI, Request
from sqlalchemy import text

from sample_app.broken.bare import bare
from sample_app.database import connect
from sample_app.settings import Settings

HOT_ROWS = 4
SECONDS = 0.1
CONNECTIONS = 40
"""As many as AnyIO has threads."""
LOCK_AND_WRITE = text("SELECT pg_advisory_xact_lock(:row), pg_sleep(:seconds)")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.engine = connect(Settings().database_url, pool_size=CONNECTIONS, max_overflow=0)
    app.state.requests = count()
    yield
    app.state.engine.dispose()


app = bare(lifespan)


@app.get("/work")
def work(request: Request) -> dict[str, int]:
    row = next(request.app.state.requests) % HOT_ROWS
    with request.app.state.engine.begin() as connection:
        connection.execute(LOCK_AND_WRITE, {"row": row, "seconds": SECONDS})
    return {"row": row}
