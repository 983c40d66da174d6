"""What operator and agent agree on: names in a pod, and the settings that the agent reads from its annotation. Pure."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import Live, Settings
from fastapi_tuning.api.tuning import GROUP

SETTINGS_ANNOTATION = f"{GROUP}/settings"
"""On a pod: the settings, as JSON. The kubelet shows its value to the agent as a file."""
AGENT_LABEL = f"{GROUP}/agent"
"""Label and annotation of a pod that the webhook put the agent into; a PodMonitor selects by it."""
INJECTED = "injected"
INJECT_ANNOTATION = f"{GROUP}/inject"
"""On a pod (hence on the template): "false" keeps the webhook away."""
INIT_CONTAINER = "fastapi-tuning-agent"
"""Copies the agent into an injected pod."""
RESTARTED_AT_ANNOTATION = f"{GROUP}/restarted-at"
"""On a pod template: when the operator restarted the pods to bring the agent in, as `kubectl rollout restart` does."""

_FIELDS: Mapping[str, str] = {
    "threads": "threads",
    "limit_concurrency": "inFlightLimit",
    "timeout_keep_alive_seconds": "timeoutKeepAliveSeconds",
    "limit_max_requests": "maxRequests",
}
"""Field of the status → key in the annotation.

A concurrency limit that goes live counts requests in flight: the agent refuses before the app, and lets probes pass.
uvicorn's own, `limitConcurrency` here, counts idle connections and refuses probes; it is only ever rolled out.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """Everything that one pod is asked for; `share` of its answers ask the client to connect anew."""

    generation: int
    document: str
    """What all pods of a target have in common, see `document_of`."""
    close_connections_share: float = 0.0
    expires_at: datetime | None = None

    def text(self) -> str:
        """The annotation's value; equal settings give equal text."""
        body: dict[str, object] = {"generation": self.generation, **json.loads(self.document)}
        if self.close_connections_share > 0:
            body["closeConnectionsShare"] = f"{self.close_connections_share:.2f}"
        if self.expires_at is not None:
            body["expiresAt"] = self.expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return json.dumps(body, separators=(",", ":"), sort_keys=True)


def document_of(applied: Settings, spec: FastAPITuningSpec) -> str:
    """The settings that are ours, and the objective, where the agent puts a bucket edge. A missing key: as it was.

    Requests in flight say nothing where requests compute in the event loop: they wait before anybody counts them. So a
    concurrency limit goes with one on the wait for the loop.
    """
    values: dict[str, object] = {
        key: getattr(applied, field) for field, key in _FIELDS.items() if getattr(applied, field) is not None
    }
    if applied.limit_concurrency is not None:
        values["loopLagLimitMilliseconds"] = loop_lag_limit_milliseconds(spec)
    values["objectiveMilliseconds"] = spec.objectives.latency.threshold_milliseconds
    return json.dumps(values, separators=(",", ":"), sort_keys=True)


def loop_lag_limit_milliseconds(spec: FastAPITuningSpec) -> int:
    """Half of the objective for the wait, half to be served in; and little enough for a probe of a second."""
    return min(_LARGEST_LAG_LIMIT_MILLISECONDS, spec.objectives.latency.threshold_milliseconds // 2)


_LARGEST_LAG_LIMIT_MILLISECONDS = 150


def generation_in(text: str | None) -> int:
    """Generation of an annotation's value; 0 where there is none, or something else than we write."""
    found = _value_in(text, "generation")
    return found if type(found) is int and found > 0 else 0


def closing_share_in(text: str | None) -> float:
    """Share of the answers that close their connection, by an annotation's value; 0 where it says nothing usable."""
    try:
        found = float(_value_in(text, "closeConnectionsShare"))
    except (ValueError, TypeError):
        return 0.0
    return found if 0 <= found <= 1 else 0.0


def _value_in(text: str | None, key: str) -> Any:
    """What somebody may have written there; None where there is no such key, or no object."""
    try:
        return json.loads(text or "{}").get(key)
    except (ValueError, AttributeError):
        return None


def expiry_of(spec: FastAPITuningSpec, now: datetime) -> datetime | None:
    """When the settings end unless renewed; at least the asked-for time ahead. None: never.

    Steps in halves of that time, so that a pod is written to no more often than that.
    """
    seconds = spec.apply.expire_after_seconds
    if seconds is None:
        return None
    half = seconds / 2
    return datetime.fromtimestamp(math.ceil((now.timestamp() + seconds) / half) * half, UTC)


def start_settings(applied: Settings, live: Live, spec: FastAPITuningSpec, now: datetime) -> str:
    """The annotation of a pod that is about to be created: what the others run with now."""
    generation = max(1, live.generation)
    document = document_of(applied, spec)
    return PodSettings(generation=generation, document=document, expires_at=expiry_of(spec, now)).text()
