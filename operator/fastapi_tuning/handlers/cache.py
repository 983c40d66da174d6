"""What the watch has shown so far: every FastAPITuning by namespace and name, and the ones that do not parse."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from fastapi_tuning.api.tuning import FastAPITuning

Key = tuple[str, str]


class TuningCache:
    """Fed by events of the watch, read by the control loop."""

    def __init__(self, on_gone: Callable[[FastAPITuning], None]) -> None:
        self._tunings: dict[Key, FastAPITuning] = {}
        self._invalid: dict[Key, str] = {}
        self._on_gone = on_gone

    def seen(self, body: dict[str, Any]) -> None:
        """An object was listed, added or changed."""
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        known = self._tunings.get(key)
        if known is not None and known.uid != body["metadata"]["uid"]:
            self._on_gone(known)
        try:
            self._tunings[key] = FastAPITuning.from_body(body)
            self._invalid.pop(key, None)
        except ValidationError as error:
            self._invalid[key] = f"{error.error_count()} problems, the first: {error.errors()[0]['msg']}"

    def gone(self, key: Key) -> FastAPITuning | None:
        """An object was deleted; what was known of it."""
        self._invalid.pop(key, None)
        known = self._tunings.pop(key, None)
        if known is not None:
            self._on_gone(known)
        return known

    def keep_only(self, living: set[Key]) -> None:
        """Drop what a full list does not show: the watch can lose a deletion while it restarts."""
        for key in set(self._tunings) - living:
            self.gone(key)

    @property
    def tunings(self) -> tuple[FastAPITuning, ...]:
        return tuple(tuning for key, tuning in self._tunings.items() if key not in self._invalid)

    @property
    def invalid(self) -> dict[Key, str]:
        """Problem by object that our models refuse (written before a rule existed, or past the schema)."""
        return dict(self._invalid)
