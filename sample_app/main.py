"""Puts the app together: `uvicorn sample_app.main:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from fastapi_tuning_agent import install
from sample_app.cache import CachedPrices
from sample_app.database import connect
from sample_app.endpoints import concurrency, dependencies, health
from sample_app.external import reusable_client
from sample_app.metrics import measure_requests
from sample_app.settings import Settings
from sample_app.timing import Timing


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens what the endpoints share, in `app.state`, and closes it at the end.

    Raises pydantic's ValidationError, which names the variable, when a setting cannot be used.
    """
    settings = Settings()
    app.state.settings = settings
    app.state.prices = CachedPrices(settings.cache_ttl_seconds)
    app.state.engine = connect(
        settings.database_url,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_max_overflow,
    )
    async with reusable_client() as app.state.client:
        yield
    app.state.engine.dispose()


app = FastAPI(title="Sample app of the FastAPI tuning operator", lifespan=lifespan)
for endpoints in (concurrency, dependencies, health):
    app.include_router(endpoints.router)
dependencies.answer_when_a_dependency_fails(app)
measure_requests(app)
app.add_middleware(Timing)
install(app)
