"""The path forwards, and breaks as networks do."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from dev.chaos.path import Answered, FaultyPath, Refused, Silent, Slow

HOST = "127.0.0.1"
SHORT_SECONDS = 0.2


def _echo(server: socket.socket) -> None:
    """Answer everybody with what they said, until the listener is closed."""
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_echo_one, args=(client,), daemon=True).start()


def _echo_one(client: socket.socket) -> None:
    with client:
        try:
            while said := client.recv(1024):
                client.sendall(said)
        except ConnectionError:
            return


@pytest.fixture
def path() -> Iterator[FaultyPath]:
    with closing(socket.create_server((HOST, 0))) as server:
        thread = threading.Thread(target=_echo, args=(server,), daemon=True)
        thread.start()
        with FaultyPath(host=HOST, target=server.getsockname()).open() as opened:
            yield opened
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _connected(path: FaultyPath, timeout_seconds: float = 5.0) -> socket.socket:
    return socket.create_connection((HOST, path.port), timeout=timeout_seconds)


def _says(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    return client.recv(1024)


def test_what_is_said_arrives_and_so_does_the_answer(path: FaultyPath) -> None:
    with _connected(path) as client:
        assert _says(client, b"one") == b"one"
        assert _says(client, b"two") == b"two"


def test_a_refusing_path_resets_those_who_are_connected_and_those_who_come(path: FaultyPath) -> None:
    with _connected(path) as client:
        assert _says(client, b"before") == b"before"
        with path.broken(Refused()):
            with pytest.raises(ConnectionResetError):
                client.recv(1024)
            with pytest.raises(ConnectionResetError), _connected(path) as late:
                late.recv(1024)
    with _connected(path) as after:
        assert _says(after, b"after") == b"after"


def test_a_connection_that_fell_silent_stays_open_and_dead(path: FaultyPath) -> None:
    with _connected(path, SHORT_SECONDS) as client:
        assert _says(client, b"before") == b"before"
        with path.broken(Silent()), pytest.raises(TimeoutError):
            _says(client, b"meanwhile")
        with _connected(path) as after:
            assert _says(after, b"new ones live") == b"new ones live"
        with pytest.raises(TimeoutError):
            _says(client, b"still dead")


def test_on_a_slow_path_words_take_their_time(path: FaultyPath) -> None:
    with path.broken(Slow(2 * SHORT_SECONDS)), _connected(path, SHORT_SECONDS) as client:
        with pytest.raises(TimeoutError):
            _says(client, b"slowly")
        client.settimeout(5.0)
        assert client.recv(1024) == b"slowly"


def test_something_else_may_answer(path: FaultyPath) -> None:
    fault = Answered(b"<html>", status="503 Service Unavailable", content_type="text/html")
    with path.broken(fault), _connected(path) as client:
        assert _says(client, b"GET / HTTP/1.1\r\n\r\n") == fault.response
        assert client.recv(1024) == b""
    assert fault.response.startswith(b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\n")
    assert fault.response.endswith(b"\r\n\r\n<html>")


def test_without_anybody_at_its_end_it_resets(path: FaultyPath) -> None:
    with closing(socket.create_server((HOST, 0))) as nobody:
        address = nobody.getsockname()
    with (
        FaultyPath(host=HOST, target=address).open() as opened,
        pytest.raises(ConnectionResetError),
        _connected(opened) as client,
    ):
        client.recv(1024)
