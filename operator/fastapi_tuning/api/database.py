"""The database that the pods of a target use, as a user states it."""

from typing import Annotated

from pydantic import ConfigDict, Field

from fastapi_tuning.api.model import ApiModel, Name, cel


class Database(ApiModel):
    """The database that the pods use: they never hold more connections than it has, all objects together that name it.

    pods × connectionsPerPod ≤ maxConnections − reservedConnections, over every namespace that the operator watches.
    """

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.reservedConnections < self.maxConnections",
                "reservedConnections must be below maxConnections",
            )
        )
    )

    name: Name
    """Names the database, the same in every object that uses it, in whatever namespace."""
    connections_per_pod: Annotated[int, Field(ge=1, le=10_000)]
    """Most that one pod opens: with SQLAlchemy pool_size + max_overflow, times the worker processes."""
    max_connections: Annotated[int, Field(ge=1, le=100_000)]
    """What the server allows (PostgreSQL's max_connections); if objects differ, the smallest holds."""
    reserved_connections: Annotated[int, Field(ge=0, le=100_000)] = 3
    """Not ours: for administrators, migrations, other apps. PostgreSQL keeps 3 (superuser_reserved_connections)."""

    @property
    def budget_connections(self) -> int:
        """What all pods may hold together."""
        return self.max_connections - self.reserved_connections
