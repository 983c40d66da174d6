"""Serves the webhook over TLS from files that may be replaced at any time."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from fastapi import FastAPI

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0


@dataclass(slots=True)
class CertificateFiles:
    """tls.crt and tls.key of a directory, as an SSL context that takes them anew when they change."""

    directory: Path
    context: ssl.SSLContext = field(default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    _seen: tuple[bytes, bytes] | None = None

    def load(self) -> bool:
        """Take the files if they are new; whether there is a certificate to serve with.

        New connections get the new certificate, since a context is asked at each handshake. Files that do not belong
        together (one of them was replaced a moment ago) are left for the next look.
        """
        certificate, key = self.directory / "tls.crt", self.directory / "tls.key"
        try:
            found = (certificate.read_bytes(), key.read_bytes())
            if found != self._seen:
                # Tried elsewhere first: a pair that does not match would leave the context with half of it.
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
                self.context.load_cert_chain(certificate, key)
                self._seen = found
        except FileNotFoundError:
            return self._seen is not None
        except (OSError, ssl.SSLError) as error:
            logger.warning("certificate not loaded", extra={"error": str(error)})
        return self._seen is not None


class WebhookServer(uvicorn.Server):
    """Waits for the first certificate, then serves until `should_exit`, looking for new ones all the while."""

    def __init__(self, app: FastAPI, files: CertificateFiles) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            ssl_context_factory=lambda _config, _default: files.context,
        )
        super().__init__(config)
        self._files = files

    async def run_on(self, listen: Callable[[], socket.socket]) -> None:
        """Opens the port with `listen` when there is a certificate, not before.

        A connection that is refused costs a pod's creation no time; one that waits for a certificate costs two seconds.
        """
        while not self._files.load():
            if self.should_exit:
                return
            await asyncio.sleep(_LOOK_SECONDS)
        looking = asyncio.create_task(self._keep_looking())
        try:
            await self.serve([listen()])
        finally:
            looking.cancel()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._files.load()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Left to the operator, which ends all parts in order."""
        yield
