"""Views for tests of the autoscalers: ready pods of one core that have been there for long, changed in one thing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi_tuning.simulate.scaler import PodView, View

LONG_AGO = -3600.0


def pod(name: str, **changes: Any) -> PodView:
    plain = PodView(
        name=name,
        ready=True,
        started_seconds=LONG_AGO,
        ready_since_seconds=LONG_AGO,
        cpu_cores=0.5,
        cpu_request_cores=1.0,
        requests_per_second=10.0,
        concurrency=1.0,
    )
    return replace(plain, **changes)


def pods(field: str, values: Sequence[float | None], **changes: Any) -> tuple[PodView, ...]:
    """One pod for each value of the field."""
    return tuple(pod(f"pod-{index}", **{field: value, **changes}) for index, value in enumerate(values))


def view(existing: tuple[PodView, ...], *, now_seconds: float = 0.0, **changes: Any) -> View:
    """As many desired as exist, unless said otherwise."""
    fields: dict[str, Any] = {
        "now_seconds": now_seconds,
        "desired_replicas": len(existing),
        "pods": existing,
        "requests_per_second": None,
        "latency_p99_seconds": None,
        "scraped": None,
    }
    return View(**{**fields, **changes})
