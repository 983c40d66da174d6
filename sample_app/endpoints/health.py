"""Probes. `async`, so that a full thread pool does not fail them, and without a look at any dependency:
a database that is down must not make Kubernetes restart every pod."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def alive() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/readyz")
async def ready() -> dict[str, str]:
    return {"status": "ready"}
