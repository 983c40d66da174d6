"""Servers on loopback that real client libraries take for an HTTP service, a Redis and a PostgreSQL.

Each says as little as the library needs; what they are asked for beyond that is not what is tested.
"""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


class HttpService(BaseHTTPRequestHandler):
    """`/status/503` answers so, `/redirect` sends to `/`, `/held` answers once `hold` is set."""

    protocol_version = "HTTP/1.1"
    hold: ClassVar[threading.Event]
    arrived: ClassVar[threading.Event]

    def do_GET(self) -> None:
        if self.path == "/held":
            self.arrived.set()
            self.hold.wait(30)
        redirects = self.path == "/redirect"
        status = int(self.path.rpartition("/")[2]) if self.path.startswith("/status/") else 302 if redirects else 200
        self.send_response(status)
        if redirects:
            self.send_header("Location", "/")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"body")

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


class Redis(socketserver.StreamRequestHandler):
    """`GET` has a value, `BAD` is no command, everything else is OK."""

    def handle(self) -> None:
        while count := self.rfile.readline():
            words = []
            for _ in range(int(count[1:])):
                length = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(length + 2)[:-2])
            self.wfile.write(_REDIS_ANSWERS.get(words[0], b"+OK\r\n"))


_REDIS_ANSWERS = {b"GET": b"$5\r\nvalue\r\n", b"BAD": b"-ERR unknown command\r\n", b"BLPOP": b"*-1\r\n"}


class PostgreSQL(socketserver.StreamRequestHandler):
    """Lets everybody in and runs every statement, with no rows; `bad` in a statement is an error."""

    def handle(self) -> None:
        (length,) = struct.unpack("!i", self.rfile.read(4))
        self.rfile.read(length - 4)
        settings = b"".join(
            _message(b"S", name + b"\0" + value + b"\0")
            for name, value in ((b"server_version", b"17.0"), (b"client_encoding", b"UTF8"))
        )
        self.wfile.write(_message(b"R", struct.pack("!i", 0)) + settings + _READY)
        while kind := self.rfile.read(1):
            (length,) = struct.unpack("!i", self.rfile.read(4))
            text = self.rfile.read(length - 4)
            if kind == b"X":
                return
            if b"bad" in text:
                self.wfile.write(_message(b"E", b"SERROR\0C42601\0Mbad statement\0\0"))
                answer = _READY if kind == b"Q" else b""
            else:
                answer = _POSTGRESQL_ANSWERS.get(kind, b"")
            self.wfile.write(answer)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


_READY = _message(b"Z", b"I")
_DONE = _message(b"C", b"SELECT 0\0")
_POSTGRESQL_ANSWERS = {
    b"Q": _DONE + _READY,
    b"P": _message(b"1", b""),
    b"D": _message(b"t", struct.pack("!h", 0)) + _message(b"n", b""),
    b"B": _message(b"2", b""),
    b"E": _DONE,
    b"C": _message(b"3", b""),
    b"S": _READY,
}


class _Threading(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """The port that it listens on."""
    http = issubclass(handler, BaseHTTPRequestHandler)
    server: Any = (ThreadingHTTPServer if http else _Threading)(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def nobody() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
