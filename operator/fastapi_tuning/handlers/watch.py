"""kopf's part: it watches FastAPITunings and hands each event to the cache. Nothing is decided here.

Only `on.event` is used: it writes nothing to the objects (no finalizer, no annotation), so a dead operator never blocks
a deletion, and it stays linear in the number of objects where indexes and timers do not.
"""

import asyncio
from typing import Any

import kopf

from fastapi_tuning.api.tuning import GROUP, PLURAL, VERSION
from fastapi_tuning.handlers.cache import TuningCache


def registry_for(cache: TuningCache, *, scan: bool) -> kopf.OperatorRegistry:
    """A registry whose handlers feed the cache; `scan`: CRDs and namespaces are noticed as they come and go."""
    registry = kopf.OperatorRegistry()

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.scanning.disabled = not scan
        settings.queueing.worker_limit = 50
        settings.queueing.idle_timeout = 0.01
        settings.watching.server_timeout = 600
        settings.networking.connect_timeout = 5
        settings.networking.request_timeout = 30
        settings.persistence.finalizer = f"{GROUP}/finalizer"

    @kopf.on.login(registry=registry)
    async def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        """By the Kubernetes client's own configuration, so that kopf and our writes use the same cluster."""
        return await asyncio.to_thread(kopf.login_via_client, **kwargs)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def changed(*, type: str, namespace: str | None, name: str, body: kopf.Body, **_: Any) -> None:
        if type == "DELETED":
            cache.gone((namespace or "", name))
        else:
            cache.seen(dict(body))

    return registry
