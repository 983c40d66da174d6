"""The server over TLS: no port before there is a certificate, and a new certificate without a restart."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI

from fastapi_tuning.webhooks.certificates import Certificates, renewed
from fastapi_tuning.webhooks.listener import CertificateFiles, WebhookServer


@dataclass
class Running:
    """A server on a free port; `opened` is where, once it listens."""

    files: CertificateFiles
    opened: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def listen(self) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", 0))
        self.opened.set_result(listener.getsockname()[1])
        return listener

    async def serves(self, authorities: bytes) -> bool:
        """Whether a client that trusts these authorities gets a connection."""
        context = ssl.create_default_context(cadata=authorities.decode())
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", await self.opened, ssl=context)
        except ssl.SSLCertVerificationError:
            return False
        writer.close()
        return True


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Running]:
    made = Running(files=CertificateFiles(directory))
    server = WebhookServer(FastAPI(), made.files)
    task = asyncio.create_task(server.run_on(made.listen))
    try:
        yield made
    finally:
        server.should_exit = True
        await task


def put(directory: Path, certificates: Certificates) -> None:
    (directory / "tls.key").write_bytes(certificates.serving_key)
    (directory / "tls.crt").write_bytes(certificates.serving)


def certificates() -> Certificates:
    return renewed(None, ("127.0.0.1",), datetime.now(UTC))


async def test_the_port_opens_when_the_certificate_is_there(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        await asyncio.sleep(0)
        assert not server.opened.done()
        made = certificates()
        put(tmp_path, made)
        async with asyncio.timeout(10):
            assert await server.serves(made.authorities)


async def test_a_server_that_never_got_a_certificate_ends_all_the_same(tmp_path: Path) -> None:
    async with asyncio.timeout(10), running(tmp_path):
        pass


async def test_a_new_certificate_is_served_to_new_connections(tmp_path: Path) -> None:
    old, new = certificates(), certificates()
    put(tmp_path, old)
    async with running(tmp_path) as server, asyncio.timeout(20):
        assert await server.serves(old.authorities)
        put(tmp_path, new)
        while not await server.serves(new.authorities):  # noqa: ASYNC110  # what changes is behind a socket
            await asyncio.sleep(0.05)


async def test_a_key_without_its_certificate_changes_nothing_that_is_served(tmp_path: Path) -> None:
    old, new = certificates(), certificates()
    put(tmp_path, old)
    async with running(tmp_path) as server, asyncio.timeout(20):
        assert await server.serves(old.authorities)
        (tmp_path / "tls.key").write_bytes(new.serving_key)
        server.files.load()
        assert await server.serves(old.authorities)


@pytest.mark.parametrize("broken", [b"", b"not PEM"])
async def test_a_file_that_is_broken_changes_nothing(tmp_path: Path, broken: bytes) -> None:
    old = certificates()
    put(tmp_path, old)
    files = CertificateFiles(tmp_path)
    assert files.load()
    (tmp_path / "tls.crt").write_bytes(broken)
    assert files.load(), "the last good one goes on"
