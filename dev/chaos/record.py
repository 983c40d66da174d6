"""What is seen of a service each second, past all that is broken."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dev.demo.kubectl import KubectlFailed
from dev.demo.ownership import TUNINGS
from dev.demo.sample_service import NAME
from dev.demo.service import Service

Json = dict[str, Any]
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Times are Unix time."""

    seconds: float
    replicas: int
    ready: int
    observed: float | None
    """When the operator last observed the service; None: not yet."""
    conditions: frozenset[tuple[str, str, str]]
    """(type, status, reason)."""

    def says(self, kind: str, status: str) -> bool:
        return any(each[:2] == (kind, status) for each in self.conditions)


@dataclass(slots=True)
class Record:
    """Grows by a moment a second while it is kept."""

    service: Service
    moments: list[Moment] = field(default_factory=list)

    @contextmanager
    def kept(self) -> "Iterator[Record]":
        over = threading.Event()
        thread = threading.Thread(target=self._keep, args=(over,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()

    def between(self, begin: float, end: float) -> tuple[Moment, ...]:
        return tuple(moment for moment in tuple(self.moments) if begin <= moment.seconds < end)

    def _keep(self, over: threading.Event) -> None:
        while not over.wait(_LOOK_SECONDS):
            if (moment := self._look()) is not None:
                self.moments.append(moment)

    def _look(self) -> Moment | None:
        """None while there is nothing to see: the object is just being replaced."""
        now, namespace = time.time(), f"--namespace={self.service.namespace}"
        try:
            found = self.service.kubectl.get(namespace, f"deployment/{NAME}", f"{TUNINGS}/{NAME}")["items"]
        except KubectlFailed:
            return None
        return moment_of(now, *found)


def moment_of(seconds: float, deployment: Json, tuning: Json) -> Moment:
    """From the two objects. Pure."""
    status = tuning.get("status", {})
    observed = status.get("history", {}).get("lastObservationTime")
    return Moment(
        seconds=seconds,
        replicas=deployment["spec"]["replicas"],
        ready=deployment["status"].get("readyReplicas", 0),
        observed=None if observed is None else datetime.fromisoformat(observed).timestamp(),
        conditions=frozenset((each["type"], each["status"], each["reason"]) for each in status.get("conditions", ())),
    )
