"""Endpoints that are as fast as what they depend on: a database, another service, a cache."""

from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request, status
from fastapi.responses import JSONResponse
from httpx import URL, HTTPError
from sqlalchemy.exc import SQLAlchemyError

from sample_app import external
from sample_app.cache import CachedPrices
from sample_app.database import sum_of_rows, wait
from sample_app.settings import MAX_MILLISECONDS, Settings

router = APIRouter()


@router.get("/database")
def database(request: Request, rows: Annotated[int, Query(ge=1, le=1_000_000)] = 2_000) -> dict[str, int]:
    """Holds a thread and a pooled connection for as long as the query takes."""
    return {"sum": sum_of_rows(request.app.state.engine, rows)}


@router.get("/database-slow")
def slow_database(
    request: Request, milliseconds: Annotated[int, Query(ge=0, le=MAX_MILLISECONDS)] = 100
) -> dict[str, int]:
    """Holds a thread and a pooled connection while the database waits: more threads than connections queue here."""
    wait(request.app.state.engine, milliseconds / 1000)
    return {"waited_milliseconds": milliseconds}


@router.get("/external")
async def external_api(request: Request) -> dict[str, int]:
    """Calls another service with the client that the app keeps: connections are reused, each wait has an end."""
    return {"status": await external.call(request.app.state.client, _external_url(request))}


@router.get("/external-bad")
async def external_api_badly(request: Request) -> dict[str, int]:
    """Bad on purpose: a new client for each request, and no timeout."""
    return {"status": await external.call_with_a_new_client(_external_url(request))}


def _external_url(request: Request) -> str:
    """The one that was set, or this app at the address where the request arrived.

    Not at the request's `Host`: that is the client's to write, who could have the app call anybody.
    """
    settings: Settings = request.app.state.settings
    if settings.external_url is not None:
        return str(settings.external_url)
    host, port = request.scope["server"]
    return str(URL(scheme="http", host=host, port=port, path="/async"))


@router.get("/cached")
async def cached(
    request: Request, item: Annotated[str, Query(min_length=1, max_length=50)] = "apple"
) -> dict[str, int | bool]:
    """Slow at the first request for an item, fast until its entry expires."""
    prices: CachedPrices = request.app.state.prices
    price, from_cache = await prices.price(item)
    return {"price": price, "from_cache": from_cache}


def answer_when_a_dependency_fails(app: FastAPI) -> None:
    """Turns errors of the database and of the other service into 503 and 502, without their details."""

    async def database_failed(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "the database did not answer"}, status.HTTP_503_SERVICE_UNAVAILABLE)

    async def external_api_failed(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "the external API did not answer"}, status.HTTP_502_BAD_GATEWAY)

    app.add_exception_handler(SQLAlchemyError, database_failed)
    app.add_exception_handler(HTTPError, external_api_failed)
