"""What is compared: one pod of the sample app at a steady load, near what it can carry."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One endpoint under one load.

    `wait_seconds` and `query_seconds` are what the endpoint is told to wait; its CPU time is measured at a low load,
    before the load that is compared.
    """

    name: str
    path: str
    quiet_per_second: float
    loaded_per_second: float
    threads: int = 40
    wait_seconds: float = 0.0
    query_seconds: float | None = None
    connections: int = 20
    """Of the pod to the database."""


CASES = (
    Case(
        name="I/O-bound",
        path="/sync-slow?milliseconds=250",
        quiet_per_second=15,
        loaded_per_second=150,
        wait_seconds=0.25,
    ),
    Case(name="CPU-bound", path="/cpu?numbers=60000", quiet_per_second=4, loaded_per_second=35),
    Case(
        name="database-bound",
        path="/database-slow?milliseconds=100",
        quiet_per_second=15,
        loaded_per_second=180,
        threads=80,
        query_seconds=0.1,
    ),
)
