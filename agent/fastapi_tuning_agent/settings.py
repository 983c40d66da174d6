"""What the environment asks of the agent. Pure: the environment is an argument."""

from __future__ import annotations

from collections.abc import Mapping

THREAD_POOL_SIZE_VARIABLE = "FASTAPI_TUNING_THREAD_POOL_SIZE"
MIN_THREAD_POOL_SIZE = 4  # 0 is accepted by AnyIO and hangs every `def` endpoint
MAX_THREAD_POOL_SIZE = 1000  # about 48 MB of resident stacks


class InvalidSettingError(ValueError):
    """A variable holds something that cannot be used; the message names the variable and the value."""


def thread_pool_size(environment: Mapping[str, str]) -> int | None:
    """Returns the number of threads asked for, within [4, 1000]; None when nothing is asked.

    Raises InvalidSettingError for a value that is not a whole number.
    """
    text = environment.get(THREAD_POOL_SIZE_VARIABLE, "").strip()
    if not text:
        return None
    try:
        asked = int(text)
    except ValueError as cause:
        raise InvalidSettingError(f"{THREAD_POOL_SIZE_VARIABLE}={text[:40]!r} is not a whole number") from cause
    return max(MIN_THREAD_POOL_SIZE, min(asked, MAX_THREAD_POOL_SIZE))
