"""Kubernetes events about a FastAPITuning, each said once in ten minutes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from fastapi_tuning.api.tuning import GROUP, KIND, VERSION, StoredTuning
from fastapi_tuning.api_server import FIELD_MANAGER, ApiServer, resource_path

REPEAT_AFTER = timedelta(minutes=10)


class EventType(StrEnum):
    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(slots=True)
class EventRecorder:
    """Posts events and forgets those of objects that are gone."""

    api: ApiServer
    _said: dict[tuple[str, str, str], datetime] = field(default_factory=dict)

    async def record(self, tuning: StoredTuning, kind: EventType, reason: str, message: str, now: datetime) -> None:
        """Post unless the same (reason, message) was said of this object within ten minutes.

        Raises:
            WriteRejected: the API server refused it.
        """
        key = (tuning.uid, reason, message)
        said = self._said.get(key)
        if said is not None and now - said < REPEAT_AFTER:
            return
        self._said = {known: time for known, time in self._said.items() if now - time < REPEAT_AFTER}
        self._said[key] = now
        path = resource_path("v1", "events", namespace=tuning.namespace)
        await self.api.post(path, _event(tuning, kind, reason, message, now))


def _event(tuning: StoredTuning, kind: EventType, reason: str, message: str, now: datetime) -> dict[str, object]:
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{tuning.name}.", "namespace": tuning.namespace},
        "involvedObject": {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "namespace": tuning.namespace,
            "name": tuning.name,
            "uid": tuning.uid,
        },
        "reason": reason,
        "message": message[:1024],
        "type": kind,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
        "reportingInstance": FIELD_MANAGER,
    }
