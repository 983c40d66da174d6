"""Counts what requests sends: each redirect is a part of the call, and so is the body unless the app streams that."""

from __future__ import annotations

from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from fastapi_tuning_agent.accounts import address
from fastapi_tuning_agent.outbound import HTTP, answered_badly, count_calls

_PORTS = {"http": 80, "https": 443}


def hook(module: ModuleType) -> None:
    """On `requests.sessions`. urllib3, on which it stands, would not see the body."""
    count_calls(module.Session, "send", _where, answered_badly)


def _where(session: Any, request: Any, **_: Any) -> tuple[str, str]:
    url = urlsplit(request.url)
    return HTTP, address(url.hostname, url.port or _PORTS.get(url.scheme))
