"""Claims on a database for tests: without surge unless a test is about it, so that a pod is a pod."""

from dataclasses import replace
from typing import Any

from fastapi_tuning.control.database_budget import Claim


def claim(owner: str = "shop/checkout", **changes: Any) -> Claim:
    """Two pods of 10 connections each that want no more, and 100 connections for all."""
    plain = Claim(
        owner=owner,
        connections_per_pod=10,
        budget_connections=100,
        replicas=2,
        ending_pods=0,
        update=None,
        rolling=False,
        least=1,
        wanted=2,
        movable=True,
    )
    return replace(plain, **changes)
