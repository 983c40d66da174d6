"""Claims on a database, and shares of it: without surge unless a test is about it, so that a pod is a pod."""

from dataclasses import replace
from typing import Any

from fastapi_tuning.api.status import DatabaseShare
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


def share(**changes: Any) -> DatabaseShare:
    """Three pods may be had, of which two are there; 90 of 97 connections are held."""
    plain = DatabaseShare(
        name="main",
        cap_pods=3,
        fair_pods=4,
        wanted_pods=2,
        held_pods=2,
        budget_connections=97,
        used_connections=90,
        claimants=("shop/basket", "shop/checkout"),
    )
    return plain.model_copy(update=changes)
