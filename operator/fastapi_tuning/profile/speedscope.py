"""A profile in the file format of speedscope (https://www.speedscope.app/file-format-schema.json)."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fastapi_tuning.api.profile import Place, State
from fastapi_tuning.profile.samples import Sample, Samples

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
STATES = {State.RUNNING: "on CPU", State.WAITING: "waiting", State.UNCLEAR: "unclear"}


def speedscope(samples: Samples, title: str) -> str:
    """One profile for each state of each pool of threads, the longest on CPU first; idle threads are left out."""
    frames: dict[Place, int] = {}
    groups: dict[tuple[State, str], list[Sample]] = defaultdict(list)
    for sample in samples.of(*STATES):
        groups[sample.state, sample.thread].append(sample)
    order = sorted(groups.items(), key=lambda item: (list(STATES).index(item[0][0]), -_total(item[1]), item[0][1]))
    profiles = [_profile(f"{STATES[state]}: {thread}", group, frames) for (state, thread), group in order]
    body = {
        "$schema": SCHEMA,
        "name": title,
        "exporter": "fastapi-tuning",
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(place) for place in frames]},
        "profiles": profiles,
    }
    return json.dumps(body, separators=(",", ":"))


def _profile(name: str, samples: Sequence[Sample], frames: dict[Place, int]) -> dict[str, Any]:
    functions = [[place._replace(line=0) for place in sample.places] for sample in samples]
    return {
        "type": "sampled",
        "name": name,
        "unit": "seconds",
        "startValue": 0,
        "endValue": _total(samples),
        "samples": [[frames.setdefault(place, len(frames)) for place in stack] for stack in functions],
        "weights": [sample.seconds for sample in samples],
    }


def _frame(place: Place) -> dict[str, Any]:
    where = {"file": place.file, "line": place.first_line} if place.file else {}
    return {"name": place.function, **where}


def _total(samples: Sequence[Sample]) -> float:
    return sum(sample.seconds for sample in samples)
