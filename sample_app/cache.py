"""Answers that are kept for a while instead of being worked out again."""

import asyncio

from cachetools import TTLCache

LOOKUP_SECONDS = 0.2
MAX_ENTRIES = 100


class CachedPrices:
    """Slow look-ups kept for `ttl_seconds`. For one event loop: it has no lock and needs none."""

    def __init__(self, ttl_seconds: float) -> None:
        self._cache: TTLCache[str, int] = TTLCache(maxsize=MAX_ENTRIES, ttl=ttl_seconds)

    async def price(self, item: str) -> tuple[int, bool]:
        """Returns the price of `item` and whether it was in the cache."""
        if (kept := self._cache.get(item)) is not None:
            return kept, True
        price = self._cache[item] = await _look_up(item)
        return price, False


async def _look_up(item: str) -> int:
    """Stands for a slow query or a call to another service."""
    await asyncio.sleep(LOOKUP_SECONDS)
    return 100 + len(item)
