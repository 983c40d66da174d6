"""One value of the app that can be set, left alone, and put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Knob:
    """Remembers what the app had when it is first set, and puts that back once nothing is asked any more."""

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], None]) -> None:
        self._read = read
        self._write = write
        self._was_set = False
        self._own: Any = None

    def turn(self, asked: Any) -> None:
        """Sets the value; None puts back the app's own, if it was ever set."""
        if asked is not None:
            if not self._was_set:
                self._own, self._was_set = self._read(), True
            self._write(asked)
        elif self._was_set:
            self._was_set = False
            self._write(self._own)
