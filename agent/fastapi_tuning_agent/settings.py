"""What the operator asks of this process: a few numbers, each with its bounds. Pure: text in, values out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

THREAD_POOL_SIZE_VARIABLE = "FASTAPI_TUNING_THREAD_POOL_SIZE"
MIN_THREAD_POOL_SIZE = 4  # 0 is accepted by AnyIO and hangs every `def` endpoint
MAX_THREAD_POOL_SIZE = 1000  # about 48 MB of resident stacks


class InvalidSettingError(ValueError):
    """Something that cannot be used; the message names it and its value."""


class Settings(NamedTuple):
    """A field that is None is left as the app has it."""

    generation: int = 0
    """Rises with every change; shown as a metric once in force. 0: nothing was asked."""
    threads: int | None = None
    executor_threads: int | None = None
    in_flight_limit: int | None = None
    """Requests in flight from which on the next is answered with 503."""
    loop_lag_limit_seconds: float | None = None
    """Lateness of the event loop from which on requests are answered with 503."""
    limit_concurrency: int | None = None
    """uvicorn's own limit on connections, which probes and idle connections count against."""
    timeout_keep_alive_seconds: int | None = None
    max_requests: int | None = None
    """Requests after which the process drains and ends, to be started anew."""
    drain_seconds: float | None = None
    close_connections_share: float = 0.0
    """Share of answers that ask the client to open a new connection."""
    objective_seconds: float | None = None
    expires_at: datetime | None = None
    """From then on all fields are as if never asked."""


class Number(NamedTuple):
    """A field of a document, and what of it can be used."""

    field: str
    lowest: float
    highest: float
    divisor: int = 1
    whole: bool = True


_NUMBERS: Mapping[str, Number] = {
    "threads": Number("threads", MIN_THREAD_POOL_SIZE, MAX_THREAD_POOL_SIZE),
    "executorThreads": Number("executor_threads", 1, 1000),
    "inFlightLimit": Number("in_flight_limit", 1, 100_000),
    "loopLagLimitMilliseconds": Number("loop_lag_limit_seconds", 10, 60_000, divisor=1000),
    "limitConcurrency": Number("limit_concurrency", 10, 100_000),  # at 0 uvicorn answers every request with 503
    "timeoutKeepAliveSeconds": Number("timeout_keep_alive_seconds", 1, 3600),
    "maxRequests": Number("max_requests", 100, 1_000_000_000),
    "drainSeconds": Number("drain_seconds", 0, 600),
    "closeConnectionsShare": Number("close_connections_share", 0, 0.5, whole=False),
    "objectiveMilliseconds": Number("objective_seconds", 1, 600_000, divisor=1000),
}


def settings_from(text: str) -> Settings:
    """The settings of a JSON object; blank text asks for nothing. Numbers out of range go to the nearest bound.

    Unknown fields are ignored: a newer operator may know more. Anything else that is wrong raises InvalidSettingError
    for the whole text, so that settings are in force all together or not at all.
    """
    if not text.strip():
        return Settings()
    document = object_in(text)
    values: dict[str, Any] = {
        number.field: number_in(name, document[name], number)
        for name, number in _NUMBERS.items()
        if document.get(name) is not None
    }
    return Settings(generation=_generation(document), expires_at=expiry_in(document), **values)


def object_in(text: str) -> dict[str, Any]:
    """The JSON object that the text is."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise InvalidSettingError(f"not JSON: {cause}") from cause
    if not isinstance(document, dict):
        raise InvalidSettingError("not a JSON object")
    return document


def _generation(document: Mapping[str, Any]) -> int:
    generation = document.get("generation")
    if type(generation) is not int or not 0 < generation < 2**53:
        raise InvalidSettingError(f"generation={_shown(generation)} is not a whole number from 1 on")
    return generation


def expiry_in(document: Mapping[str, Any]) -> datetime | None:
    """The moment in `expiresAt`; None without one."""
    text = document.get("expiresAt")
    if text is None:
        return None
    try:
        expiry = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (AttributeError, ValueError) as cause:
        raise InvalidSettingError(f"expiresAt={_shown(text)} is not a time as in RFC 3339") from cause
    if expiry.tzinfo is None:
        raise InvalidSettingError(f"expiresAt={_shown(text)} has no time zone")
    return expiry


def number_in(name: str, value: object, number: Number) -> float:
    """A number, or text of one: decimals are text in Kubernetes objects."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or len(str(value)) > 40:
        raise InvalidSettingError(f"{name}={_shown(value)} is not a number")
    try:
        asked = float(value)
    except (ValueError, OverflowError) as cause:
        raise InvalidSettingError(f"{name}={_shown(value)} is not a number") from cause
    if asked != asked or (number.whole and not asked.is_integer()):
        raise InvalidSettingError(f"{name}={_shown(value)} is not a {'whole ' if number.whole else ''}number")
    bounded = max(number.lowest, min(asked, number.highest))
    if number.divisor != 1:
        return bounded / number.divisor
    return int(bounded) if number.whole else bounded


def _shown(value: object) -> str:
    return repr(value)[:40]


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
