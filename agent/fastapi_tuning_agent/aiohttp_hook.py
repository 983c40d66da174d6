"""Counts what aiohttp's client sends, until the headers of the answer are there: the app reads the body itself."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fastapi_tuning_agent.accounts import address
from fastapi_tuning_agent.outbound import HTTP, answered_badly, count_calls


def hook(module: ModuleType) -> None:
    """On `aiohttp.client`. Its `TraceConfig` would have to be given to each session, and has no one place for the end
    of a call; `_request` is what all methods end in, in all of aiohttp 3."""
    count_calls(module.ClientSession, "_request", _where, answered_badly)


def _where(session: Any, method: str, str_or_url: Any, **_: Any) -> tuple[str, str]:
    url = session._build_url(str_or_url)  # with the session's base URL
    return HTTP, address(url.host, url.port)
