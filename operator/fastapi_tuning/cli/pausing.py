"""Holds a FastAPITuning still for a while, by the annotation that people use for it, and gives it back as it was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi_tuning.api.pause import paused_until
from fastapi_tuning.api.tuning import GROUP, PAUSED_UNTIL_ANNOTATION, PLURAL, VERSION, FastAPITuning
from fastapi_tuning.api_server import ApiServer, PatchType, resource_path
from fastapi_tuning.cli.to_the_end import to_the_end
from fastapi_tuning.errors import NotFound


@asynccontextmanager
async def paused(api: ApiServer, tuning: FastAPITuning, until: datetime) -> AsyncIterator[None]:
    """The operator moves nothing of the target meanwhile. A pause that lasts longer anyway is left alone.

    If nobody comes back to end it, the pause ends by itself at `until`.

    Raises:
        WriteRejected: the annotation could not be set, or not taken back.
        TargetUnavailable: the object could not be read to take it back.
    """
    present = paused_until(tuning.annotations)
    if present is not None and present >= until:
        yield
        return
    path = resource_path(f"{GROUP}/{VERSION}", PLURAL, namespace=tuning.namespace, name=tuning.name)
    ours = until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        await _annotate(api, path, ours)
        yield
    finally:
        await to_the_end(_take_back(api, path, ours, tuning.annotations.get(PAUSED_UNTIL_ANNOTATION)))


async def _annotate(api: ApiServer, path: str, value: str | None) -> None:
    await api.patch(path, {"metadata": {"annotations": {PAUSED_UNTIL_ANNOTATION: value}}}, PatchType.MERGE)


async def _take_back(api: ApiServer, path: str, ours: str, before: str | None) -> None:
    """Somebody else may have set another time meanwhile, or removed the object."""
    try:
        annotations = (await api.get(path))["metadata"].get("annotations") or {}
        if annotations.get(PAUSED_UNTIL_ANNOTATION) == ours:
            await _annotate(api, path, before)
    except NotFound:
        return
