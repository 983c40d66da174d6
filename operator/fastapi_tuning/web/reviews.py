"""Asks the API server who a caller is and what they may read, as the caller: with their token, and nothing of ours."""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from typing import Protocol

import aiohttp
from cachetools import TTLCache
from kubernetes.aio.client import ApiClient, Configuration
from pydantic import SecretStr

from fastapi_tuning.errors import AccessUnknown, CannotStart, NotAllowed, NotSignedIn
from fastapi_tuning.web.access import (
    IDENTITY_PATH,
    IDENTITY_QUESTION,
    REVIEW_PATH,
    Json,
    Question,
    allowed_by,
    review_of,
    user_in,
)

TIMEOUT_SECONDS = 5.0
REMEMBERED_SECONDS = 30.0
_MOST_REMEMBERED = 10_000
_MOST_AT_A_TIME = 8
"""Questions under way: whoever sends us many must not have us send the API server as many at once."""


class Reviews(Protocol):
    """What is to be known of a caller."""

    async def user(self, token: SecretStr) -> str:
        """The name of whom the token belongs to.

        Raises:
            NotSignedIn: nobody.
            AccessUnknown: the API server did not say.
        """
        ...

    async def allowed(self, token: SecretStr, question: Question) -> bool:
        """Whether they may.

        Raises:
            NotSignedIn: the token belongs to nobody.
            NotAllowed: they may not even ask.
            AccessUnknown: the API server did not say.
        """
        ...


def nobodys_client() -> ApiClient:
    """A client of the configured cluster without any credentials. A client certificate would count more than a token.

    Raises:
        CannotStart: the API server is asked over plain HTTP, where whoever answers (`kubectl proxy`) puts rights of its
            own in place of the caller's.
    """
    configured = Configuration.get_default_copy()
    if not configured.host.startswith("https://"):
        raise CannotStart("callers can be asked about over HTTPS only: use --web-access nobody, or another kubeconfig")
    bare = Configuration(host=configured.host, ssl_ca_cert=configured.ssl_ca_cert)
    for trust in ("ca_cert_data", "verify_ssl", "disable_strict_ssl_verification", "tls_server_name", "proxy"):
        setattr(bare, trust, getattr(configured, trust))
    return ApiClient(bare)


class KubernetesReviews:
    """Reviews by the API server itself."""

    def __init__(self, client: ApiClient) -> None:
        """`client` brings no credentials, see nobodys_client."""
        self._client = client
        self._turns = asyncio.Semaphore(_MOST_AT_A_TIME)

    async def user(self, token: SecretStr) -> str:
        return user_in(await self._asked(token, IDENTITY_PATH, IDENTITY_QUESTION))

    async def allowed(self, token: SecretStr, question: Question) -> bool:
        return allowed_by(await self._asked(token, REVIEW_PATH, review_of(question)))

    async def _asked(self, token: SecretStr, path: str, review: Json) -> Json:
        """No error of the transport is chained or quoted: it may hold the request, and the request holds the token."""
        try:
            async with self._turns, asyncio.timeout(TIMEOUT_SECONDS):
                status, answer = await self._exchange(token, path, review)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError) as error:
            reason = type(error).__name__
        else:
            return _created(status, answer)
        raise AccessUnknown(f"the API server could not be asked who may see this ({reason})")

    async def _exchange(self, token: SecretStr, path: str, review: Json) -> tuple[int, object]:
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Authorization": f"Bearer {token.get_secret_value()}",
        }
        request = await self._client.param_serialize("POST", path, header_params=headers, body=review, auth_settings=[])
        response = await self._client.call_api(*request, _request_timeout=TIMEOUT_SECONDS)
        content: bytes = await response.read()  # type: ignore[no-untyped-call]  # the client ships it without types
        return response.status, json.loads(content)


def _created(status: int, answer: object) -> Json:
    match status, answer:
        case 201, dict():
            return answer
        case 401, _:
            raise NotSignedIn("the API server does not accept this token: it is mistyped, over, or of another cluster")
        case 403, _:
            raise NotAllowed("this token may not even ask what it may do: the ClusterRole system:basic-user is missing")
        case _:
            raise AccessUnknown(f"the API server was asked who may see this, and answered {status}")


class RememberedReviews:
    """Reviews whose answers hold for half a minute: as long as a revoked right may still be used here.

    What is kept is a keyed hash of the token. That a token belongs to nobody is not kept: such answers would let
    anybody push out the others'.
    """

    def __init__(self, reviews: Reviews, clock: Callable[[], float] = time.monotonic) -> None:
        self._reviews = reviews
        self._answers: TTLCache[tuple[bytes, Question], bool] = TTLCache(_MOST_REMEMBERED, REMEMBERED_SECONDS, clock)
        self._key = secrets.token_bytes(32)

    async def user(self, token: SecretStr) -> str:
        """Asked once, at sign-in, so it is not remembered."""
        return await self._reviews.user(token)

    async def allowed(self, token: SecretStr, question: Question) -> bool:
        digest = hashlib.blake2b(token.get_secret_value().encode(), key=self._key, digest_size=32).digest()
        known = self._answers.get((digest, question))
        if known is None:
            known = self._answers[digest, question] = await self._reviews.allowed(token, question)
        return known
