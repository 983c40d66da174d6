"""Four ways to be slow: waiting in a thread, waiting in the event loop, blocking the loop, and computing."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query, Request

from sample_app.settings import MAX_MILLISECONDS, Settings

router = APIRouter()

Milliseconds = Annotated[int, Query(ge=0, le=MAX_MILLISECONDS)]
MAX_CPU_NUMBERS = 200_000


@router.get("/sync-slow")
def sync_slow(request: Request, milliseconds: Milliseconds | None = None) -> dict[str, int]:
    """A `def` endpoint that waits, as on a slow database: it holds one thread of the pool meanwhile."""
    settings: Settings = request.app.state.settings
    waited = settings.sync_milliseconds if milliseconds is None else milliseconds
    time.sleep(waited / 1000)
    return {"waited_milliseconds": waited}


@router.get("/async")
async def asynchronous(milliseconds: Milliseconds = 20) -> dict[str, int]:
    """The same wait without a thread: thousands can wait at once."""
    await asyncio.sleep(milliseconds / 1000)
    return {"waited_milliseconds": milliseconds}


@router.get("/blocking")
async def blocking(milliseconds: Milliseconds = 50) -> dict[str, int]:
    """Bad on purpose: a blocking call in `async def`. No other request moves while it waits."""
    time.sleep(milliseconds / 1000)  # noqa: ASYNC251 - the mistake this endpoint is there to show
    return {"waited_milliseconds": milliseconds}


@router.get("/cpu")
def cpu(numbers: Annotated[int, Query(ge=2, le=MAX_CPU_NUMBERS)] = 20_000) -> dict[str, int]:
    """Computes instead of waiting. More threads do not help: Python runs one at a time."""
    return {"primes": count_primes(numbers)}


def count_primes(numbers: int) -> int:
    """Returns how many primes there are below `numbers`, by a sieve."""
    is_prime = bytearray([1]) * numbers
    is_prime[:2] = b"\0\0"
    for number in range(2, numbers):
        if is_prime[number]:
            for multiple in range(number * number, numbers, number):
                is_prime[multiple] = 0
    return sum(is_prime)
