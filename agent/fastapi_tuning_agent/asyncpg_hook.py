"""Counts the statements that the app gives to asyncpg itself, each with its rows; those of SQLAlchemy count there.

Cursors, which fetch in steps as the app asks for rows, and COPY are left out, and so is the wait for its pool.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from fastapi_tuning_agent.accounts import address
from fastapi_tuning_agent.outbound import DATABASE, count_calls


def hook(module: ModuleType) -> None:
    """On `asyncpg.connection` or `asyncpg.prepared_stmt`. Connections of a pool come here too."""
    if hasattr(module, "PreparedStatement"):
        for method in ("executemany", "fetch", "fetchrow", "fetchval"):
            count_calls(module.PreparedStatement, method, _where_of_statement)
    else:
        for method in ("execute", "executemany", "fetch", "fetchrow", "fetchval"):
            count_calls(module.Connection, method, _where)


def _where(connection: Any, *_: Any, **__: Any) -> tuple[str, str]:
    peer = connection._addr  # there is no other way to know; the path of a Unix socket is a text
    return DATABASE, peer if isinstance(peer, str) else address(*peer[:2])


def _where_of_statement(statement: Any, *_: Any, **__: Any) -> tuple[str, str]:
    return _where(statement._connection)
