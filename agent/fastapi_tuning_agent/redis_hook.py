"""Counts the commands and pipelines of redis-py. Publish/subscribe and a cluster's own client are left out."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fastapi_tuning_agent.accounts import address
from fastapi_tuning_agent.outbound import CACHE, count_calls

_WAITING = frozenset(
    {
        *("BLMOVE", "BLMPOP", "BLPOP", "BRPOP", "BRPOPLPUSH", "BZMPOP", "BZPOPMAX", "BZPOPMIN"),
        *("WAIT", "WAITAOF", "XREAD", "XREADGROUP"),
    }
)
"""Commands that wait for others on purpose: a worker that waits for its queue says nothing about the cache."""


def hook(module: ModuleType) -> None:
    """On `redis.client` or `redis.asyncio.client`."""
    count_calls(module.Redis, "execute_command", _where)
    count_calls(module.Pipeline, "execute", _where_of_pipeline)


def _where(client: Any, *args: Any, **_: Any) -> tuple[str, str] | None:
    return None if args[0] in _WAITING else (CACHE, _peer(client.connection_pool))


def _where_of_pipeline(pipeline: Any, *_: Any, **__: Any) -> tuple[str, str]:
    return CACHE, _peer(pipeline.connection_pool)


def _peer(pool: Any) -> str:
    service = getattr(pool, "service_name", None)  # a sentinel knows the address, and may change it
    asked = pool.connection_kwargs
    return str(service or asked.get("path") or address(asked.get("host", "localhost"), asked.get("port", 6379)))
