"""Who is signed in by the form. A browser is given a number that means nothing; the token stays in this process."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache
from pydantic import SecretStr

LONGEST_SECONDS = 3600.0
_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody signed in; the token's representation does not show it."""

    token: SecretStr
    user: str


class Sessions:
    """Sessions by their number. They end after an hour, with the process, or when there are too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._open: TTLCache[str, Session] = TTLCache(_MOST, LONGEST_SECONDS, clock)

    def begin(self, session: Session) -> str:
        """The number that it is found by: 256 random bits."""
        number = secrets.token_urlsafe(32)
        self._open[number] = session
        return number

    def of(self, number: str | None) -> Session | None:
        """None: it never began, or is over."""
        return None if number is None else self._open.get(number)

    def end(self, number: str | None) -> None:
        """One that is over already may end again."""
        if number is not None:
            self._open.pop(number, None)
