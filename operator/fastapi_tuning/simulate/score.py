"""Run → Score: what a run was worth, on both axes at once.

A cost is comparable only among runs that kept the objective: whoever looks at `replica_seconds` looks at
`kept_objective` first.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastapi_tuning.simulate.scaler import Command, FloatArray, Run

SLOT_SECONDS = 10
ALLOWED_BAD_SHARE = 0.01
"""Of 99 % within the objective: late, failed and shed requests together may be one in a hundred."""
CLEAN_SLOTS = 3
"""The objective holds again once so many slots in a row are clean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Sums over what is judged of a run. Shares are of the offered requests; pods are billed from their creation."""

    seconds: int
    violation_seconds: int
    bad_share: float
    goodput_share: float
    shed_share: float
    replica_seconds: float
    scale_actions: int
    reversals: int

    @property
    def kept_objective(self) -> bool:
        return self.bad_share <= ALLOWED_BAD_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResponse:
    """What followed a disturbance. `time_to_objective_seconds`: 0 if it held throughout, None if it never did again."""

    time_to_objective_seconds: float | None
    overshoot: float
    """Most replicas after the disturbance over those at the end."""


def score(run: Run, *, warm_up_seconds: int, cool_down_seconds: int = 0) -> Score:
    """Judge a run without its beginning and its end.

    Requests that are open when a run ends count as late, so `cool_down_seconds` should be as long as clients wait.
    Raises ValueError if nothing is left.
    """
    end = run.seconds - cool_down_seconds
    if not 0 <= warm_up_seconds < end <= run.seconds:
        raise ValueError(
            f"{warm_up_seconds} s at the start and {cool_down_seconds} s at the end leave nothing of a run"
        )
    judged = slice(warm_up_seconds, end)
    offered, bad = run.offered[judged], bad_requests(run)[judged]
    total = float(offered.sum())
    steps = replica_steps(run, warm_up_seconds, end)
    return Score(
        seconds=end - warm_up_seconds,
        violation_seconds=SLOT_SECONDS * int(violated_slots(offered, bad).sum()),
        bad_share=_share(float(bad.sum()), total),
        goodput_share=_share(float(run.good[judged].sum()), total),
        shed_share=_share(float(run.shed[judged].sum()), total),
        replica_seconds=float(run.pods_created[judged].sum()),
        scale_actions=len(steps),
        reversals=_reversals(steps),
    )


def step_response(run: Run, *, at_seconds: int, cool_down_seconds: int = 0) -> StepResponse:
    """Judge how a run answers to a disturbance at a moment; the end is left out as in `score`."""
    judged = slice(at_seconds, run.seconds - cool_down_seconds)
    clean = ~violated_slots(run.offered[judged], bad_requests(run)[judged])
    pods = run.pods_created[judged]
    return StepResponse(
        time_to_objective_seconds=_recovery_seconds(clean),
        overshoot=float(pods.max() / pods[-1]),
    )


def bad_requests(run: Run) -> FloatArray:
    """Requests of each second that missed the objective, for whatever reason."""
    return run.late + run.failed + run.shed


def violated_slots(
    offered: FloatArray,
    bad: FloatArray,
    *,
    slot_seconds: int = SLOT_SECONDS,
    allowed_bad_share: float = ALLOWED_BAD_SHARE,
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Slots of 10 s with over 1 % bad requests, or others; a last, shorter slot counts like the others."""
    starts = np.arange(0, len(offered), slot_seconds)
    return np.asarray(np.add.reduceat(bad, starts) > allowed_bad_share * np.add.reduceat(offered, starts))


def replica_steps(run: Run, begin_seconds: float, end_seconds: float) -> list[int]:
    """Changes of the wanted replicas between two moments, in order: pods added (negative: removed)."""
    wanted = int(run.pods_created[0])
    steps: list[int] = []
    for seconds, command in run.commands:
        asked = _asked(command, wanted)
        if asked != wanted and begin_seconds <= seconds < end_seconds:
            steps.append(asked - wanted)
        wanted = asked
    return steps


def _asked(command: Command, wanted: int) -> int:
    return wanted if command.replicas is None else command.replicas


def _reversals(steps: Sequence[int]) -> int:
    return sum((before > 0) != (after > 0) for before, after in itertools.pairwise(steps))


def _recovery_seconds(clean: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float | None:
    if clean.all():
        return 0.0
    for first in range(int(clean.argmin()), len(clean) - CLEAN_SLOTS + 1):
        if clean[first : first + CLEAN_SLOTS].all():
            return float(first * SLOT_SECONDS)
    return None


def _share(part: float, total: float) -> float:
    return part / total if total else 0.0
