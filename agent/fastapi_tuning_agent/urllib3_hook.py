"""Counts what urllib3 sends for whoever is not requests (boto3, elasticsearch, …).

With retries and the pauses between them; with the body unless the caller reads that itself (`preload_content=False`).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fastapi_tuning_agent.accounts import address
from fastapi_tuning_agent.outbound import HTTP, answered_badly, count_calls

_PORTS = {"http": 80, "https": 443}


def hook(module: ModuleType) -> None:
    """On `urllib3.connectionpool`: one pool for each peer, and all requests of it go through `urlopen`."""
    count_calls(module.HTTPConnectionPool, "urlopen", _where, answered_badly)


def _where(pool: Any, *_: Any, **__: Any) -> tuple[str, str]:
    return HTTP, address(pool.host, pool.port or _PORTS.get(pool.scheme))
