"""What we set out to reach, and whether a comparison shows it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fastapi_tuning.simulate.experiments.comparison import Comparison, best_hpa
from fastapi_tuning.simulate.experiments.services import CPU_BOUND, IO_BOUND, MIXED
from fastapi_tuning.simulate.experiments.trials import Trials

SAVING_OVER_TUNED_HPA = 0.19
SAVING_OVER_DEFAULT_THREADS = 0.50
FEWER_VIOLATIONS = 0.31
LARGEST_REGRET = 1.15


class Verdict(StrEnum):
    """Whether a goal was reached. A cost is no score where the objective was missed."""

    MET = "met"
    MISSED = "**missed**"
    NO_SCORE = "no score"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalResult:
    """A goal, where it was looked at, what was seen, and the judgement."""

    goal: str
    where: str
    measured: str
    verdict: Verdict


def judge(comparison: Comparison) -> Iterable[GoalResult]:
    """All goals that concern the case."""
    service = comparison.case.service
    if service in (CPU_BOUND, MIXED):
        hpa = best_hpa(comparison.with_oracle_threads).trials
        yield _saving(
            comparison,
            over=hpa,
            goal=f"≥ {SAVING_OVER_TUNED_HPA:.0%} fewer replica-seconds than the best-tuned HPA with oracle threads, "
            "at no more violation seconds",
            least=SAVING_OVER_TUNED_HPA,
            most_violation_seconds=hpa.violation_seconds,
        )
    if service == IO_BOUND:
        yield _saving(
            comparison,
            over=best_hpa(comparison.with_default_threads).trials,
            goal=f"≥ {SAVING_OVER_DEFAULT_THREADS:.0%} fewer replica-seconds than the best-tuned HPA with 40 threads",
            least=SAVING_OVER_DEFAULT_THREADS,
            most_violation_seconds=math.inf,
        )
        yield _ratio(comparison, to=comparison.static, goal=f"cost ≤ {LARGEST_REGRET} × the static oracle")
    yield _fewer_violations(comparison)
    yield _ratio(comparison, to=comparison.dynamic, goal=f"regret ≤ {LARGEST_REGRET} × the dynamic oracle")


def _saving(
    comparison: Comparison, *, over: Trials, goal: str, least: float, most_violation_seconds: float
) -> GoalResult:
    ours = comparison.ours
    saved = 1 - ours.replica_seconds / over.replica_seconds
    measured = (
        f"{saved:+.0%} saved ({ours.replica_seconds:,.0f} against {over.replica_seconds:,.0f} of {over.contender}), "
        f"violations {ours.violation_seconds:.0f} s against {over.violation_seconds:.0f} s"
    )
    holds = saved >= least and ours.violation_seconds <= most_violation_seconds
    return _result(comparison, goal, measured, holds=holds, scored=over.kept_objective, other=over.contender)


def _ratio(comparison: Comparison, *, to: Trials, goal: str) -> GoalResult:
    ratio = comparison.ours.replica_seconds / to.replica_seconds
    return _result(
        comparison,
        goal,
        f"{ratio:.2f}",
        holds=ratio <= LARGEST_REGRET,
        scored=to.kept_objective,
        other=to.contender,
    )


def _fewer_violations(comparison: Comparison) -> GoalResult:
    ours, hpa = comparison.ours, comparison.hpa_with_defaults
    enough = ours.violation_seconds <= (1 - FEWER_VIOLATIONS) * hpa.violation_seconds
    cheap = ours.replica_seconds <= hpa.replica_seconds
    verdict = Verdict.MET if enough and cheap else Verdict.MISSED
    note = ""
    if enough and not cheap and not hpa.kept_objective:
        verdict, note = Verdict.NO_SCORE, "; the HPA missed the objective, so its cost is no score"
    return GoalResult(
        goal=f"≥ {FEWER_VIOLATIONS:.0%} fewer violation seconds than the HPA on CPU with defaults, at no more cost",
        where=comparison.case.name,
        measured=f"{ours.violation_seconds:.0f} s against {hpa.violation_seconds:.0f} s, cost "
        f"{ours.replica_seconds:,.0f} against {hpa.replica_seconds:,.0f}{note}",
        verdict=verdict,
    )


def _result(comparison: Comparison, goal: str, measured: str, *, holds: bool, scored: bool, other: str) -> GoalResult:
    verdict = Verdict.MET if holds else Verdict.MISSED
    if not comparison.ours.kept_objective:
        verdict, measured = Verdict.MISSED, f"{measured}; ours missed the objective"
    elif not scored:
        verdict, measured = Verdict.NO_SCORE, f"{measured}; {other} missed the objective"
    return GoalResult(goal=goal, where=comparison.case.name, measured=measured, verdict=verdict)
