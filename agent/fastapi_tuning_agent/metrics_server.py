"""The metrics page on a port and in threads of its own: it answers while the event loop is blocked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fastapi_tuning_agent.exposition import CONTENT_TYPE

CLIENT_TIMEOUT_SECONDS = 5.0


class MetricsServer:
    """One listening port. `page` makes the text, in the thread of whoever asks."""

    def __init__(self, host: str, port: int, page: Callable[[], str]) -> None:
        """Listens on return; an empty host is all addresses. Raises OSError if it cannot."""
        self._server = _listening(host, port, _handler(page))
        threading.Thread(target=self._server.serve_forever, name="fastapi-tuning-metrics", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def drop(self) -> None:
        """In a forked child, which has the socket and not the thread."""
        self._server.socket.close()


class _Ipv6Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6


def _listening(host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    if host:
        return (_Ipv6Server if ":" in host else ThreadingHTTPServer)((host, port), handler)
    try:
        return _Ipv6Server(("::", port), handler)  # IPv4 as well, unless the node says otherwise
    except OSError:
        return ThreadingHTTPServer(("0.0.0.0", port), handler)


def _handler(page: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_TIMEOUT_SECONDS

        def do_GET(self) -> None:
            if self.path.split("?")[0] != "/metrics":
                self.send_error(404)
                return
            body = page().encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are not worth a line in the app's log."""

    return Handler
