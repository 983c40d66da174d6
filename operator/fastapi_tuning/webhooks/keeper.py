"""Keeps the webhook's own certificates: a Secret for all operators, files for the server, trust of the API server.

The order is what makes a rotation seamless: the Secret first (by compare-and-set, so two operators agree), then the
API server's trust, and only then the files that are served from.
"""

import asyncio
import base64
import binascii
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi_tuning.api_server import ApiServer, Json, PatchType
from fastapi_tuning.errors import Conflict, FastAPITuningError, NotLeading
from fastapi_tuning.webhooks.certificates import Certificates, renewed

logger = logging.getLogger(__name__)

_CHECK_SECONDS = 600.0
_RETRY_SECONDS = 5.0
_KEYS = {"authorities": "ca.crt", "authority_key": "ca.key", "serving": "tls.crt", "serving_key": "tls.key"}


@dataclass(slots=True)
class CertificateKeeper:
    """Runs until cancelled. The Secret and the webhook configuration exist already; both are only ever patched."""

    api: ApiServer
    secret_path: str
    configuration_path: str
    names: tuple[str, ...]
    directory: Path
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def run(self) -> None:
        while True:
            try:
                await self.keep()
                pause = _CHECK_SECONDS
            except NotLeading:
                logger.debug("webhook certificate is the leader's to renew")
                pause = _RETRY_SECONDS
            except (FastAPITuningError, OSError) as error:
                logger.warning("webhook certificate not renewed", extra={"error": str(error)})
                pause = _RETRY_SECONDS
            await asyncio.sleep(pause)

    async def keep(self) -> None:
        """Bring Secret, trust and files to what is valid now.

        Raises:
            Conflict: another operator was faster; the next try finds its certificates.
            NotLeading: something is due that the leader is to do; files are written when it has done it.
            FastAPITuningError, OSError: something could not be read or written.
        """
        secret = await self.api.get(self.secret_path)
        found = _certificates_in(secret)
        kept = renewed(found, self.names, self.now())
        if kept != found:
            await self._store(kept, secret["metadata"]["resourceVersion"])
            logger.info("webhook certificate renewed")
        await self._trust(kept)
        _write_files(self.directory, kept)

    async def _store(self, certificates: Certificates, resource_version: str) -> None:
        data = {key: base64.b64encode(getattr(certificates, name)).decode() for name, key in _KEYS.items()}
        body = {"metadata": {"resourceVersion": resource_version}, "data": data}
        try:
            await self.api.patch(self.secret_path, body, PatchType.MERGE)
        except Conflict as error:
            raise Conflict(f"another operator renewed the certificate at the same time: {error}") from error

    async def _trust(self, certificates: Certificates) -> None:
        """Have the API server trust exactly our authorities; no write while it does."""
        bundle = base64.b64encode(certificates.authorities).decode()
        configuration = await self.api.get(self.configuration_path)
        stale = [each for each in configuration["webhooks"] if each["clientConfig"].get("caBundle") != bundle]
        if stale:
            webhooks = [{"name": each["name"], "clientConfig": {"caBundle": bundle}} for each in stale]
            await self.api.patch(self.configuration_path, {"webhooks": webhooks}, PatchType.STRATEGIC)


def _certificates_in(secret: Json) -> Certificates | None:
    data = secret.get("data") or {}
    try:
        return Certificates(**{name: base64.b64decode(data[key], validate=True) for name, key in _KEYS.items()})
    except (KeyError, binascii.Error):
        return None


def _write_files(directory: Path, certificates: Certificates) -> None:
    """The certificate last: the server reads both as soon as that one changes."""
    for name, content in (("tls.key", certificates.serving_key), ("tls.crt", certificates.serving)):
        path = directory / name
        if path.exists() and path.read_bytes() == content:
            continue
        unfinished = directory / f".{name}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
        unfinished.replace(path)
