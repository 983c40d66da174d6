"""Whatever happens with a token, no log record holds it."""

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import APIRouter
from kubernetes.aio.client import ApiClient, Configuration
from pydantic import SecretStr

from fastapi_tuning.web.access import Question
from fastapi_tuning.web.app import pages_by_token
from fastapi_tuning.web.catalogue import Objects
from fastapi_tuning.web.reviews import KubernetesReviews, Reviews
from tests.unit.web.callers import SHOP, Site

TOKEN = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl"
LIST = "/api/v1/fastapitunings"


class Broken:
    """Fails as nobody expected, and says with what."""

    async def user(self, token: SecretStr) -> str:
        raise RuntimeError(f"a mistake of ours with {token}")

    async def allowed(self, token: SecretStr, question: Question) -> bool:
        raise RuntimeError(f"a mistake of ours with {token} and {question}")


@asynccontextmanager
async def unreachable() -> AsyncIterator[Reviews]:
    """The real way to the API server, which is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with ApiClient(Configuration(host=host)) as client:
            yield KubernetesReviews(client)


def told(records: list[logging.LogRecord]) -> str:
    """Everything of the records, tracebacks and extra fields included."""
    formatter = logging.Formatter()
    return "\n".join(f"{formatter.format(record)} {record.__dict__}" for record in records)


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Without the test's own client."""
    return [record for record in caplog.records if record.name != "httpx"]


async def use(site: Site, token: str) -> list[int]:
    """Every way in which a token comes."""
    async with site.client() as client:
        header = {"Authorization": f"Bearer {token}"}
        return [
            (await client.get(LIST, headers=header)).status_code,
            (await client.get("/", headers=header)).status_code,
            (await client.get(LIST, headers={"Authorization": token})).status_code,
            (await client.get(f"{LIST}?limit={token}", headers=header)).status_code,
            (await client.post("/login", data={"token": token})).status_code,
            (await client.post("/login", data={"other": token})).status_code,
            (await client.post("/login", json={"token": token})).status_code,
            (await client.get("/")).status_code,
            (await client.post("/logout")).status_code,
        ]


async def test_a_good_one_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    statuses = await use(Site(), SHOP)
    assert statuses == [200, 200, 401, 422, 303, 401, 401, 200, 303]
    assert SHOP not in told(ours(caplog))


async def test_a_wrong_one_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert set(await use(Site(), TOKEN)) <= {401, 422, 303}
    assert TOKEN not in told(ours(caplog))


async def test_it_shows_nowhere_when_the_api_server_is_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with unreachable() as reviews:
        statuses = await use(Site(routers=lambda objects, _: pages_by_token(objects, reviews)), TOKEN)
    assert 503 in statuses
    assert TOKEN not in told(ours(caplog))


def broken(objects: Objects, _: Reviews) -> tuple[APIRouter, ...]:
    return pages_by_token(objects, Broken())


@pytest.mark.parametrize("path", [LIST, "/"])
async def test_it_shows_in_no_traceback_of_a_mistake_of_ours(path: str) -> None:
    """The server logs what the app raises, traceback included."""
    with pytest.raises(RuntimeError) as caught:
        await Site(routers=broken).get(path, TOKEN)
    error = (caught.type, caught.value, caught.tb)
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "failed", None, error)
    assert "a mistake of ours" in told([record])
    assert TOKEN not in told([record])
