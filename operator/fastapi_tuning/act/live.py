"""Hands settings to running pods: the annotation that their agent reads. No restart, no drift of the Deployment."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime

from fastapi_tuning.api.agent import SETTINGS_ANNOTATION, generation_in
from fastapi_tuning.api.status import Live
from fastapi_tuning.api_server import ApiServer, PatchType, resource_path
from fastapi_tuning.errors import NotFound, WriteRejected

_PARALLEL_WRITES = 16


def live_after(live: Live, document: str, texts: Iterable[str | None], now: datetime) -> Live:
    """What pods are to be asked for; a new document gets a generation above any that a pod was given before.

    `texts` are the annotations as they are: if the status was lost, the pods still know how far we were.
    """
    if document == live.settings:
        return live
    newest = max((live.generation, *map(generation_in, texts)))
    return live.model_copy(update={"generation": newest + 1, "settings": document, "changed_time": now})


async def set_settings(api: ApiServer, namespace: str, texts: Mapping[str, str | None]) -> Mapping[str, str]:
    """Write each pod's settings (None: take them away), many pods at once; error messages by pod that refused.

    A pod that is gone is no failure: the one in its place starts with the current settings.
    """
    gate = asyncio.Semaphore(_PARALLEL_WRITES)
    failures: dict[str, str] = {}

    async def write(pod: str, text: str | None) -> None:
        body = {"metadata": {"annotations": {SETTINGS_ANNOTATION: text}}}
        async with gate:
            try:
                await api.patch(resource_path("v1", "pods", namespace=namespace, name=pod), body, PatchType.MERGE)
            except NotFound:
                return
            except WriteRejected as error:
                failures[pod] = str(error)

    await asyncio.gather(*(write(pod, text) for pod, text in texts.items()))
    return failures
