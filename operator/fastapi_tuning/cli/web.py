"""Puts the pages together: who may see them is a setting."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

from fastapi import APIRouter

from fastapi_tuning.web.app import pages_by_token, pages_for_everybody
from fastapi_tuning.web.catalogue import Objects
from fastapi_tuning.web.reviews import KubernetesReviews, RememberedReviews, nobodys_client


class WebAccess(StrEnum):
    """Who may see FastAPITunings on the operator's port. Probes and metrics are no part of that."""

    TOKEN = "token"
    """Whoever brings a Kubernetes token that may read them."""
    EVERYBODY = "everybody"
    """Whoever reaches the port."""
    NOBODY = "nobody"
    """There are no such pages."""


@asynccontextmanager
async def pages_of(access: WebAccess, objects: Objects) -> AsyncIterator[tuple[APIRouter, ...]]:
    """The routes beside probes and metrics, as long as what they ask with is open.

    Raises:
        CannotStart: the API server cannot be asked about callers.
    """
    match access:
        case WebAccess.NOBODY:
            yield ()
        case WebAccess.EVERYBODY:
            yield pages_for_everybody(objects)
        case WebAccess.TOKEN:
            async with nobodys_client() as client:
                yield pages_by_token(objects, RememberedReviews(KubernetesReviews(client)))
