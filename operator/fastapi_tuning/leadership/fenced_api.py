"""The door to the Kubernetes API of an operator that may not be the one who acts: no write gets past the lease."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi_tuning.api_server import ApiServer, Json, PatchType
from fastapi_tuning.errors import NotLeading


@dataclass(frozen=True, slots=True, kw_only=True)
class FencedApi:
    """An ApiServer that begins a write only while the lease is ours, and gives it up before another can lead.

    Here, and not in each stage, since a stage that is added later cannot forget to ask.
    """

    api: ApiServer
    write_seconds: Callable[[], float]
    """How long a write that begins now may take; 0: none may begin."""

    async def get(self, path: str, query: dict[str, str] | None = None) -> Json:
        return await self.api.get(path, query)

    async def patch(self, path: str, body: Json, patch_type: PatchType) -> Json:
        """See ApiServer.

        Raises:
            NotLeading: not begun, or given up half-way; then it may have been written.
        """
        async with self._within_the_lease():
            return await self.api.patch(path, body, patch_type)

    async def post(self, path: str, body: Json) -> Json:
        """As `patch`."""
        async with self._within_the_lease():
            return await self.api.post(path, body)

    @asynccontextmanager
    async def _within_the_lease(self) -> AsyncIterator[None]:
        seconds = self.write_seconds()
        if seconds <= 0:
            raise NotLeading("another operator acts, or soon may: the lease is not ours")
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise NotLeading(f"no answer to a write in the {seconds:.0f} s that were left of the lease") from error
