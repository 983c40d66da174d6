"""Where an unexpected exception ends: at the object whose turn it is. The one place that catches everything."""

import logging
from collections.abc import Awaitable
from typing import TypeVar

from fastapi_tuning.errors import FastAPITuningError, InternalError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


async def contained(work: Awaitable[Result], what: object) -> Result | FastAPITuningError:
    """The work's result, or the error that ended it; one that nobody expected is logged with its traceback.

    Args:
        what: names in the log what was being worked on.
    """
    try:
        return await work
    except FastAPITuningError as error:
        return error
    except Exception as error:
        logger.exception("internal error", extra={"object": what})
        return InternalError(f"{type(error).__name__}: {error}"[:512])
