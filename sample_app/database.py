"""Connections to the database, pooled. SQLite in a file serves when there is no PostgreSQL."""

import time
from typing import Any

from sqlalchemy import Engine, create_engine, event, text

SUM_OF_ROWS = text(
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows) "
    "SELECT sum(n) FROM numbers"
)
"""Work for the server in proportion to `:rows`; needs no table, so nothing has to be set up or cleaned."""
WAIT = text("SELECT pg_sleep(:seconds)")


def connect(url: str, *, pool_size: int, max_overflow: int) -> Engine:
    """Returns an engine whose pool holds at most `pool_size + max_overflow` connections, opened at need.

    `pods x (pool_size + max_overflow)` has to stay below the server's max_connections.
    Raises sqlalchemy.exc.ArgumentError for a text that is no URL.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=30,
        pool_recycle=1800,
        pool_pre_ping=True,
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _teach_to_sleep)
    return engine


def _teach_to_sleep(connection: Any, _: object) -> None:
    """SQLite lacks the function that PostgreSQL waits by."""
    connection.create_function("pg_sleep", 1, time.sleep)


def sum_of_rows(engine: Engine, rows: int) -> int:
    """Asks the server for 1 + 2 + ... + rows. Blocks. Raises sqlalchemy.exc.SQLAlchemyError."""
    with engine.connect() as connection:
        return int(connection.execute(SUM_OF_ROWS, {"rows": rows}).scalar_one())


def wait(engine: Engine, seconds: float) -> None:
    """Lets the server wait, with a connection held. Blocks. Raises sqlalchemy.exc.SQLAlchemyError."""
    with engine.connect() as connection:
        connection.execute(WAIT, {"seconds": seconds})
