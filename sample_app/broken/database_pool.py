"""A fast database behind too few connections: each request keeps one while it does something else.

`SAMPLE_DATABASE_POOL_SIZE` and `SAMPLE_DATABASE_MAX_OVERFLOW` say how many there are.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Query, Request
from sqlalchemy import text

from sample_app.broken.bare import bare
from sample_app.database import connect
from sample_app.settings import MAX_MILLISECONDS, Settings

ONE = text("SELECT 1")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = Settings()
    app.state.engine = connect(
        settings.database_url,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
    )
    yield
    app.state.engine.dispose()


app = bare(lifespan)


@app.get("/work")
def work(request: Request, milliseconds: Annotated[int, Query(ge=0, le=MAX_MILLISECONDS)] = 100) -> dict[str, int]:
    """One quick statement, and then the answer is put together before the connection goes back."""
    with request.app.state.engine.connect() as connection:
        one = int(connection.execute(ONE).scalar_one())
        time.sleep(milliseconds / 1000)
    return {"one": one}
