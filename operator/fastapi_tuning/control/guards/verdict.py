"""Proposal → Verdict: what of a proposal may happen now, and which rule changed it.

Each guard is one function of (proposal, context) and answers None (nothing to say), a Clamp or a Hold. A chain (see
chains.py) runs them in order: a Clamp hands a changed proposal on, the first Hold ends it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.api.status import DatabaseShare, History
from fastapi_tuning.control.diagnosis.diagnose import Diagnosis
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.foreign_owner import ForeignOwner
from fastapi_tuning.control.knobs import Proposal
from fastapi_tuning.control.objective import Verdict as ObjectiveVerdict
from fastapi_tuning.control.observation import Observation
from fastapi_tuning.control.stops import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """All that guards may look at. `mode` is the knob's effective mode."""

    now: datetime
    observation: Observation
    spec: FastAPITuningSpec
    history: History
    mode: Mode
    estimate: Estimate | None
    """None without traffic."""
    stops: tuple[Stop, ...] = ()
    owners: tuple[ForeignOwner, ...] = ()
    """Others who hold something now."""
    database: DatabaseShare | None = None
    """None: the spec names no database."""
    rides: bool = False
    """Whether another setting is rolled out now anyway."""
    diagnosis: Diagnosis | None = None
    """None without traffic."""

    @property
    def objective_missed(self) -> bool:
        return self.estimate is not None and self.estimate.verdict is ObjectiveVerdict.MISSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Clamp:
    """Go on with `value` instead."""

    value: int
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Do not move this knob now."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome: `value` is what to set now, None to leave the knob alone; `guards` is the trail."""

    proposal: Proposal
    """As the guards left it."""
    wished: int
    """What the rule wanted before any guard."""
    value: int | None
    guards: tuple[Clamp | Hold, ...]


Guard = Callable[[Proposal, Context], Clamp | Hold | None]
Chain = tuple[Guard, ...]


def judge(proposal: Proposal, context: Context, chain: Chain) -> Verdict:
    """Run the chain; a value equal to the current one is no move."""
    wished = proposal.wanted
    trail: list[Clamp | Hold] = []
    for guard in chain:
        answer = guard(proposal, context)
        if answer is None:
            continue
        trail.append(answer)
        if isinstance(answer, Hold):
            return Verdict(proposal=proposal, wished=wished, value=None, guards=tuple(trail))
        proposal = replace(proposal, wanted=answer.value)
    value = None if proposal.wanted == proposal.current else proposal.wanted
    return Verdict(proposal=proposal, wished=wished, value=value, guards=tuple(trail))


def since(time: datetime | None, now: datetime) -> timedelta:
    """Age of a moment; what never happened is infinitely long ago."""
    return timedelta.max if time is None else now - time
