"""The kernel's answer to how long the last byte of a request is there."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from fastapi_tuning_agent.request_wait import waited_seconds

TICKS_SECONDS = 0.02
"""The kernel counts in jiffies."""


class Cycle:
    """What uvicorn makes for each request."""

    def __init__(self, connection: socket.socket) -> None:
        self.transport = self
        self._connection = connection

    def get_extra_info(self, name: str) -> Any:
        return {"socket": self._connection}[name]

    async def receive(self) -> None: ...


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_the_wait_begins_when_the_request_comes_and_not_when_its_connection_is_accepted(
    listener: socket.socket,
) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        sent = time.monotonic()
        while time.monotonic() - sent < 0.2:
            time.sleep(0.05)
        with listener.accept()[0] as connection:
            assert waited_seconds(Cycle(connection).receive) >= 0.2 - TICKS_SECONDS
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert waited_seconds(Cycle(connection).receive) < 0.2 - TICKS_SECONDS


def test_asking_leaves_the_connection_as_it_was(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as connection:
        waited_seconds(Cycle(connection).receive)
        connection.sendall(b"answer")
        assert client.recv(6) == b"answer"


def test_what_cannot_be_told_is_no_wait() -> None:
    async def receive_of_another_server() -> None: ...

    local, _other = socket.socketpair()
    with closing(local), closing(_other):
        assert waited_seconds(Cycle(local).receive) == 0.0
    assert waited_seconds(Cycle(local).receive) == 0.0
    assert waited_seconds(receive_of_another_server) == 0.0
