"""Holds a FastAPITuning still for a while, by the annotations that people use for it, and gives it back as it was."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.pause import DIRECTIONS, pause_of
from fastapi_tuning.api.tuning import (
    GROUP,
    PAUSED_DIRECTION_ANNOTATION,
    PAUSED_UNTIL_ANNOTATION,
    PLURAL,
    VERSION,
    FastAPITuning,
)
from fastapi_tuning.api_server import ApiServer, PatchType, resource_path
from fastapi_tuning.cli.to_the_end import to_the_end
from fastapi_tuning.errors import NotFound

Annotations = Mapping[str, str | None]
"""None takes an annotation away."""
RESUMED: Annotations = {PAUSED_UNTIL_ANNOTATION: None, PAUSED_DIRECTION_ANNOTATION: None}


def pause_annotations(until: datetime, direction: Direction) -> Annotations:
    """What pauses an object until then; both directions are what no second annotation means."""
    written = next(text for text, known in DIRECTIONS.items() if known is direction)
    return {
        PAUSED_UNTIL_ANNOTATION: until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        PAUSED_DIRECTION_ANNOTATION: None if direction is Direction.BOTH else written,
    }


async def annotate(api: ApiServer, namespace: str, name: str, annotations: Annotations) -> None:
    """Set and take away annotations of a FastAPITuning.

    Raises:
        NotFound: no such object.
        WriteRejected: the API server refused, or could not be reached.
    """
    path = resource_path(f"{GROUP}/{VERSION}", PLURAL, namespace=namespace, name=name)
    await api.patch(path, {"metadata": {"annotations": dict(annotations)}}, PatchType.MERGE)


@asynccontextmanager
async def paused(api: ApiServer, tuning: FastAPITuning, until: datetime) -> AsyncIterator[None]:
    """The operator moves nothing of the target meanwhile. A pause of everything that lasts longer is left alone.

    If nobody comes back to end it, the pause ends by itself at `until`.

    Raises:
        WriteRejected: the annotations could not be set, or not taken back.
        TargetUnavailable: the object could not be read to take them back.
    """
    present = pause_of(tuning.annotations)
    if present is not None and present.direction is Direction.BOTH and present.until >= until:
        yield
        return
    ours = pause_annotations(until, Direction.BOTH)
    try:
        await annotate(api, tuning.namespace, tuning.name, ours)
        yield
    finally:
        await to_the_end(_take_back(api, tuning, ours))


async def _take_back(api: ApiServer, tuning: FastAPITuning, ours: Annotations) -> None:
    """Somebody else may have set another time meanwhile, or removed the object."""
    path = resource_path(f"{GROUP}/{VERSION}", PLURAL, namespace=tuning.namespace, name=tuning.name)
    try:
        annotations = (await api.get(path))["metadata"].get("annotations") or {}
        if all(annotations.get(key) == value for key, value in ours.items()):
            await annotate(api, tuning.namespace, tuning.name, {key: tuning.annotations.get(key) for key in ours})
    except NotFound:
        return
