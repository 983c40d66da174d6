"""Snapshots in Prometheus's text format (version 0.0.4) and, between workers, as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fastapi_tuning_agent.catalogue import CATALOGUE, HISTOGRAM, Labels, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def samples_of(name: str, values: dict[Labels, float]) -> Iterator[tuple[str, Labels, float]]:
    """(sample name, labels, value) as Prometheus wants them: the buckets of a histogram cumulated."""
    if CATALOGUE[name].kind != HISTOGRAM:
        for labels, value in values.items():
            yield name, labels, value
        return
    sums = {labels: value for labels, value in values.items() if not labels or labels[-1][0] != "le"}
    for series, sum_seconds in sums.items():
        total = 0.0
        own = (
            (float(labels[-1][1]), value)
            for labels, value in values.items()
            if labels[:-1] == series and labels not in sums
        )
        for edge, count in sorted(own):
            total += count
            yield f"{name}_bucket", (*series, ("le", "+Inf" if edge == float("inf") else repr(edge))), total
        yield f"{name}_sum", series, sum_seconds
        yield f"{name}_count", series, total


def text_of(snapshot: Snapshot) -> str:
    lines: list[str] = []
    for name, metric in CATALOGUE.items():
        if snapshot.get(name):
            lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
            lines += [
                f"{sample}{_braces(labels)} {value!r}" for sample, labels, value in samples_of(name, snapshot[name])
            ]
    return "\n".join(lines) + "\n"


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def to_json(source: str, snapshot: Snapshot) -> bytes:
    """A snapshot with the name of its source."""
    metrics = {name: list(values.items()) for name, values in snapshot.items()}
    return json.dumps([source, metrics]).encode()


def from_json(text: bytes) -> tuple[str, Snapshot]:
    """Raises ValueError for anything that `to_json` did not write."""
    try:
        source, metrics = json.loads(text)
        return str(source), {
            name: {tuple((str(k), str(v)) for k, v in labels): float(value) for labels, value in values}
            for name, values in metrics.items()
            if name in CATALOGUE
        }
    except (TypeError, AttributeError) as cause:
        raise ValueError(f"not a snapshot: {cause}") from cause
