"""Work that is finished although somebody wants to stop: what has to be taken back."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Run it whole. A cancellation meanwhile is raised once it is done; a second one does end it.

    Raises:
        Whatever the work raises, also in the place of the cancellation.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
