"""What is compared: one pod of the sample app at a steady load, near what it can carry."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One endpoint under one load.

    What a request costs alone is measured at a low load, before the load that is compared.
    """

    name: str
    path: str
    quiet_per_second: float
    loaded_per_second: float
    threads: int = 40
    waits: bool = False
    """Holding a thread."""
    queries: bool = False
    """Holding a connection to the database as well."""
    connections: int = 15
    """Of the pod to the database."""


CASES = (
    Case(
        name="I/O-bound",
        path="/sync-slow?milliseconds=1000",
        quiet_per_second=4,
        loaded_per_second=37,
        waits=True,
    ),
    Case(name="CPU-bound", path="/cpu?numbers=200000", quiet_per_second=2, loaded_per_second=20),
    Case(
        name="database-bound",
        path="/database-slow?milliseconds=200",
        quiet_per_second=4,
        loaded_per_second=34,
        queries=True,
        connections=8,
    ),
)
