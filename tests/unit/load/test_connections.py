"""How many connections the load generator opens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from fastapi_tuning.load.http_request import getter
from fastapi_tuning.load.tally import Outcome

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


@dataclass(slots=True)
class Counted:
    port: int = 0
    connections: int = 0


@asynccontextmanager
async def server_that_counts() -> AsyncIterator[Counted]:
    """Answers every request of a connection, and counts the connections."""
    counted = Counted()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counted.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        counted.port = server.sockets[0].getsockname()[1]
        yield counted


@pytest.mark.parametrize(("kept", "expected"), [(0, 9), (1, 1), (3, 3)])
async def test_connections_are_kept_if_asked_for(kept: int, expected: int) -> None:
    async with server_that_counts() as counted:
        url = f"http://127.0.0.1:{counted.port}"
        async with getter(url, ["127.0.0.1"], 5, kept_connections=kept) as get:
            for _ in range(3):
                outcomes = await asyncio.gather(get(), get(), get())
                assert set(outcomes) == {Outcome.OK}
    assert counted.connections == expected
