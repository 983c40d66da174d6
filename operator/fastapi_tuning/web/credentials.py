"""Tokens as they come in: from a header, or from the form. Pure."""

import re
from urllib.parse import parse_qs

from pydantic import SecretStr

from fastapi_tuning.errors import NotSignedIn

LONGEST_TOKEN = 16_384
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750, section 2.1. Nothing else can be in the header that the API server is sent."""


def token_in_header(authorization: str | None) -> SecretStr | None:
    """The token of an Authorization header; None: there is no such header.

    Raises:
        NotSignedIn: there is one, and it holds no bearer token.
    """
    if authorization is None:
        return None
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise NotSignedIn("a bearer token is needed, not another kind of authorization")
    return _checked(rest)


def token_in_form(body: bytes) -> SecretStr:
    """The field `token` of a posted form.

    Raises:
        NotSignedIn: it holds no token.
    """
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=8)
    except ValueError:
        fields = {}
    return _checked(fields.get("token", [""])[0])


def _checked(text: str) -> SecretStr:
    """Without the line end that copying brings along."""
    stripped = text.strip()
    if len(stripped) > LONGEST_TOKEN or not _TOKEN.fullmatch(stripped):
        raise NotSignedIn("that is no token")
    return SecretStr(stripped)
