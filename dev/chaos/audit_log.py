"""What the operator wrote, as the API server saw it. Pure, but for reading the file.

The development cluster's API server logs each write to Deployments, their scale and pods, with its body.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One that was carried out."""

    seconds: float
    """Unix time."""
    path: str
    """Of the object, with its subresource."""
    body: str
    """JSON with sorted keys, without what only guards the write (the resource version)."""

    @property
    def is_scale(self) -> bool:
        return self.path.endswith("/scale")


def writes_of(lines: Iterable[str], *, user: str, namespace: str) -> Iterator[Write]:
    """Those of one account in one namespace, in the order of the log."""
    for line in lines:
        event: Json = json.loads(line)
        where = event.get("objectRef", {})
        done = event.get("responseStatus", {}).get("code", 0) < 300
        if event["user"]["username"] != user or where.get("namespace") != namespace or not done:
            continue
        parts = (where["resource"], where.get("name", ""), where.get("subresource", ""))
        yield Write(
            seconds=datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp(),
            path="/".join(part for part in parts if part),
            body=_asked_for(event.get("requestObject", {})),
        )


def read_writes(file: Path, *, user: str, namespace: str) -> tuple[Write, ...]:
    """From the log as it is now; a line that is still being written is left out."""
    with file.open() as lines:
        whole = (line for line in lines if line.endswith("\n"))
        return tuple(writes_of(whole, user=user, namespace=namespace))


def repeated(writes: Sequence[Write]) -> tuple[Write, ...]:
    """Writes that ask an object for what the last write to it asked for: the same action twice."""
    last, found = dict[str, str](), list[Write]()
    for write in writes:
        if last.get(write.path) == write.body:
            found.append(write)
        last[write.path] = write.body
    return tuple(found)


def _asked_for(body: Json) -> str:
    metadata = {key: value for key, value in body.get("metadata", {}).items() if key != "resourceVersion"}
    return json.dumps({**body, "metadata": metadata}, sort_keys=True)
