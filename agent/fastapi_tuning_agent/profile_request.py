"""What a person asks for who wants to see where the time goes. Pure: text in, values out."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime
from typing import NamedTuple

from fastapi_tuning_agent.settings import InvalidSettingError, Number, expiry_in, number_in, object_in

_SECONDS = Number("seconds", 1, 120)
_PER_SECOND = Number("per_second", 1, 100)
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ProfileRequest(NamedTuple):
    """One profile. Whoever asks keeps a token; its digest is in the pod's annotation, where many may read it."""

    digest: str
    """SHA-256 of the token, in hexadecimal."""
    seconds: float
    per_second: float
    """Samples, at most: there are fewer where they would cost too much."""
    expires_at: datetime
    """Not begun from then on: what is left behind must not begin anew when the process starts anew."""

    def is_of(self, token: str) -> bool:
        return hmac.compare_digest(hashlib.sha256(token.encode(errors="replace")).hexdigest(), self.digest)


def profile_request_from(text: str) -> ProfileRequest | None:
    """The request of a JSON object; None: blank text asks for nothing. Numbers out of range go to the nearest bound.

    Raises InvalidSettingError for anything else that is wrong.
    """
    if not text.strip():
        return None
    document = object_in(text)
    digest, expires_at = document.get("tokenSha256"), expiry_in(document)
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise InvalidSettingError("tokenSha256 is not a SHA-256 in hexadecimal")
    if expires_at is None:
        raise InvalidSettingError("expiresAt is missing")
    return ProfileRequest(
        digest=digest,
        seconds=number_in("seconds", document.get("seconds"), _SECONDS),
        per_second=number_in("samplesPerSecond", document.get("samplesPerSecond"), _PER_SECOND),
        expires_at=expires_at,
    )
