"""How the workers of one pod find each other: each has a numbered place, an abstract Unix socket that needs no file.

Whoever holds the metrics port asks all places at each scrape. Nothing is kept that a killed worker could leave behind.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

PLACES = 64
TIMEOUT_SECONDS = 1.0
MAX_BYTES = 1 << 20


class Place:
    """This worker's place. Whoever connects is told what `tell` returns."""

    def __init__(self, key: str, tell: Callable[[], bytes]) -> None:
        """`key` sets the workers of this pod apart from others in the same network namespace."""
        self._key = f"{_process_namespace()}/{key}"
        self._tell = tell
        self._number: int | None = None
        self._socket: socket.socket | None = None

    def take(self) -> None:
        """Takes the first free place; without one (not on Linux, or too many workers) this worker is not found."""
        if not hasattr(socket, "AF_UNIX"):
            return
        for number in range(PLACES):
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                listener.bind(self._address(number))
                listener.listen(8)
            except OSError:
                listener.close()
                continue
            self._number, self._socket = number, listener
            threading.Thread(target=self._answer, args=(listener,), name="fastapi-tuning-peers", daemon=True).start()
            return

    def leave(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, which closing does not
            self._socket.close()
            self._socket = self._number = None

    def drop(self) -> None:
        """In a forked child: the parent goes on listening."""
        if self._socket is not None:
            self._socket.close()

    def others(self) -> Iterator[bytes]:
        """What each other worker tells now. One that does not answer within a second is left out."""
        for number in range(PLACES):
            if number != self._number:
                with suppress(OSError):
                    yield self._ask(number)

    def _address(self, number: int) -> str:
        return f"\0fastapi-tuning-agent/{self._key}/{number}"

    def _ask(self, number: int) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.connect(self._address(number))
            told = bytearray()
            while (part := connection.recv(65536)) and len(told) < MAX_BYTES:
                told += part
            return bytes(told)

    def _answer(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(TIMEOUT_SECONDS)
                connection.sendall(self._tell())


def _process_namespace() -> str:
    """Differs between the containers of a host, also when they share its network."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
