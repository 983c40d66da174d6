"""Waits for a service that is slower than the objective, at `SAMPLE_EXTERNAL_URL`, with a client as it should be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request

from sample_app.broken.bare import bare
from sample_app.external import call, reusable_client
from sample_app.settings import Settings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.url = str(Settings().external_url)
    async with reusable_client() as app.state.client:
        yield


app = bare(lifespan)


@app.get("/work")
async def work(request: Request) -> dict[str, int]:
    return {"status": await call(request.app.state.client, request.app.state.url)}
