"""What the watch has shown so far: every FastAPITuning by namespace and name, and the ones that cannot be read."""

from collections.abc import Callable
from typing import Any

from fastapi_tuning.api.tuning import FastAPITuning, StoredTuning, UnreadableTuning, tuning_of

Key = tuple[str, str]


class TuningCache:
    """Fed by events of the watch, read by the control loop; `on_gone` hears of each object that is no more."""

    def __init__(self, on_gone: Callable[[StoredTuning], None]) -> None:
        self._stored: dict[Key, FastAPITuning | UnreadableTuning] = {}
        self._by_target: dict[Key, dict[Key, FastAPITuning]] = {}
        self._on_gone = on_gone

    def seen(self, body: dict[str, Any]) -> None:
        """An object was listed, added or changed."""
        tuning = tuning_of(body)
        key = (tuning.namespace, tuning.name)
        known = self._stored.get(key)
        if known is not None and known.uid != tuning.uid:
            self._on_gone(known)
        self._drop_target(key, known)
        self._stored[key] = tuning
        if isinstance(tuning, FastAPITuning):
            self._by_target.setdefault(_target_of(tuning), {})[key] = tuning

    def gone(self, key: Key) -> None:
        """An object was deleted."""
        known = self._stored.pop(key, None)
        self._drop_target(key, known)
        if known is not None:
            self._on_gone(known)

    def drop(self, keys: set[Key]) -> None:
        """Objects that a full list does not show: the watch can lose a deletion while it restarts."""
        for key in keys & self.keys:
            self.gone(key)

    def __contains__(self, key: Key) -> bool:
        return key in self._stored

    @property
    def keys(self) -> set[Key]:
        return set(self._stored)

    @property
    def tunings(self) -> tuple[FastAPITuning, ...]:
        return tuple(tuning for tuning in self._stored.values() if isinstance(tuning, FastAPITuning))

    @property
    def unreadable(self) -> tuple[UnreadableTuning, ...]:
        return tuple(tuning for tuning in self._stored.values() if isinstance(tuning, UnreadableTuning))

    def naming(self, namespace: str, target: str) -> tuple[FastAPITuning, ...]:
        """All that name this Deployment; asked for every new pod, so it is looked up and not searched for."""
        return tuple(self._by_target.get((namespace, target), {}).values())

    def _drop_target(self, key: Key, known: FastAPITuning | UnreadableTuning | None) -> None:
        if not isinstance(known, FastAPITuning):
            return
        named = self._by_target[_target_of(known)]
        del named[key]
        if not named:
            del self._by_target[_target_of(known)]


def _target_of(tuning: FastAPITuning) -> Key:
    return tuning.namespace, tuning.spec.target_ref.name
