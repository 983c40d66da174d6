"""The metrics page and profiles on a port and in threads of its own: it answers while the event loop is blocked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fastapi_tuning_agent.exposition import CONTENT_TYPE

CLIENT_TIMEOUT_SECONDS = 5.0
NO_PROFILE = b'{"message": "no profile of this token"}'
TOKEN_HEADER = "X-Fastapi-Tuning-Token"


class MetricsServer:
    """One listening port. `page` makes the text, in the thread of whoever asks.

    `profile` gives JSON against a token, and nothing to those who do not have it.
    """

    def __init__(self, host: str, port: int, page: Callable[[], str], profile: Callable[[str], bytes | None]) -> None:
        """Listens on return; an empty host is all addresses. Raises OSError if it cannot."""
        self._server = _listening(host, port, _handler(page, profile))
        threading.Thread(target=self._server.serve_forever, name="fastapi-tuning-metrics", daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def drop(self) -> None:
        """In a forked child, which has the socket and not the thread."""
        self._server.socket.close()


class _Server(ThreadingHTTPServer):
    def process_request_thread(self, request: Any, client_address: Any) -> None:
        threading.current_thread().name = "fastapi-tuning-metrics"  # whoever looks at threads knows it is not the app's
        super().process_request_thread(request, client_address)


class _Ipv6Server(_Server):
    address_family = socket.AF_INET6


def _listening(host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> _Server:
    if host:
        return (_Ipv6Server if ":" in host else _Server)((host, port), handler)
    try:
        return _Ipv6Server(("::", port), handler)  # IPv4 as well, unless the node says otherwise
    except OSError:
        return _Server(("0.0.0.0", port), handler)


def _handler(page: Callable[[], str], profile: Callable[[str], bytes | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_TIMEOUT_SECONDS

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            if path == "/metrics":
                self._answer(200, page().encode(), CONTENT_TYPE)
            elif path == "/profile":
                body = profile(self.headers.get(TOKEN_HEADER, ""))
                self._answer(404 if body is None else 200, body or NO_PROFILE, "application/json")
            else:
                self.send_error(404)

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are not worth a line in the app's log."""

    return Handler
