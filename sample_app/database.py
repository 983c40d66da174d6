"""Connections to the database, pooled. SQLite in a file serves when there is no PostgreSQL."""

from sqlalchemy import Engine, create_engine, text

SUM_OF_ROWS = text(
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows) "
    "SELECT sum(n) FROM numbers"
)
"""Work for the server in proportion to `:rows`; needs no table, so nothing has to be set up or cleaned."""


def connect(url: str) -> Engine:
    """Returns an engine whose pool holds at most 30 connections; it connects at the first query.

    `pods x (pool_size + max_overflow)` has to stay below the server's max_connections.
    Raises sqlalchemy.exc.ArgumentError for a text that is no URL.
    """
    return create_engine(
        url,
        pool_size=10,
        max_overflow=20,
        pool_timeout=30,
        pool_recycle=1800,
        pool_pre_ping=True,
    )


def sum_of_rows(engine: Engine, rows: int) -> int:
    """Asks the server for 1 + 2 + ... + rows. Blocks. Raises sqlalchemy.exc.SQLAlchemyError."""
    with engine.connect() as connection:
        return int(connection.execute(SUM_OF_ROWS, {"rows": rows}).scalar_one())
