"""The operator's own sockets."""

import socket

import pytest

from fastapi_tuning.cli.listening import listen
from fastapi_tuning.errors import CannotStart


def test_an_answer_in_two_parts_does_not_wait_for_an_acknowledgement() -> None:
    with listen(0) as listener, socket.create_connection(("127.0.0.1", listener.getsockname()[1])):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_port_that_is_taken_is_named() -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=str(port)):
            listen(port)
