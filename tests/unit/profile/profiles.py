"""Profiles as agents send them, for tests of what is made of them."""

from collections.abc import Sequence
from typing import Any

from fastapi_tuning.api.profile import Profile, State, Worker, workers_of

MAIN = ["/venv/lib/python3.11/site-packages/uvicorn/main.py", "main", 10, 12]
HANDLER = ["/srv/shop/app/prices.py", "price", 40, 44]
OTHER_LINE = ["/srv/shop/app/prices.py", "price", 40, 47]
CLIENT = ["/venv/lib/python3.11/site-packages/requests/api.py", "get", 62, 73]
SELECT = ["/usr/lib/python3.11/selectors.py", "select", 452, 468]


def told(
    *stacks: tuple[int, State, float, Sequence[int]],
    cpu_seconds: Sequence[float | None] = (None,),
    names: Sequence[str] = ("MainThread",),
    places: Sequence[Sequence[object]] = (MAIN, HANDLER, OTHER_LINE, CLIENT, SELECT),
) -> dict[str, Any]:
    """The agent's answer of one process that has looked for ten seconds."""
    threads = [{"name": name, "cpuSeconds": cpu} for name, cpu in zip(names, cpu_seconds, strict=True)]
    profile = {
        "seconds": 10.0,
        "samples": 500,
        "samplerCpuSeconds": 0.1,
        "threads": threads,
        "places": [list(place) for place in places],
        "stacks": [[thread, state, seconds, list(stack)] for thread, state, seconds, stack in stacks],
    }
    return {"workers": [{"state": "Done", "pid": 1, "profile": profile}]}


def profile_in(answer: dict[str, Any]) -> Profile:
    (worker,) = workers_of(answer)
    assert isinstance(worker, Worker)
    assert worker.profile is not None
    return worker.profile
