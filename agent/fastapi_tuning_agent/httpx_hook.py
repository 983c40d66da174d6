"""Counts what httpx sends: with the redirects it follows, and with the body unless the app streams that."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fastapi_tuning_agent.accounts import address
from fastapi_tuning_agent.outbound import HTTP, answered_badly, count_calls

_PORTS = {"http": 80, "https": 443}


def hook(module: ModuleType) -> None:
    """On `httpx._client`. Transports belong to single clients, `send` is what all of a client's methods end in."""
    count_calls(module.Client, "send", _where, answered_badly)
    count_calls(module.AsyncClient, "send", _where, answered_badly)


def _where(client: Any, request: Any, **_: Any) -> tuple[str, str]:
    url = request.url
    return HTTP, address(url.host, url.port or _PORTS.get(url.scheme))
