"""Verdicts as a Markdown table. Pure."""

from collections.abc import Sequence

from benchmarks.testbed.verdict import NO_DIAGNOSIS, Verdict
from dev.markdown import row

_COLUMNS = ("service", "what is broken", "named", "runner-up", "after cycles", "confidence", "evidence", "verdict")


def table(verdicts: Sequence[Verdict]) -> str:
    """One row for each case, and how many were right."""
    lines = [row(_COLUMNS), row(["---"] * len(_COLUMNS)), *(row(_cells(verdict)) for verdict in verdicts)]
    right = sum(verdict.right for verdict in verdicts)
    return "\n".join([*lines, "", f"{right} of {len(verdicts)} right."]) + "\n"


def _cells(verdict: Verdict) -> list[str]:
    named = verdict.named
    return [
        f"`{verdict.case.name}`",
        verdict.case.broken,
        "—" if named is None else named.factor,
        "—" if named is None else named.runner_up or "—",
        "—" if verdict.cycles is None else str(verdict.cycles),
        "—" if named is None else named.confidence or "—",
        "—" if named is None else named.evidence or "—",
        _judgement(verdict),
    ]


def _judgement(verdict: Verdict) -> str:
    if verdict.right:
        return "right"
    if verdict.false_alarms:
        return f"false alarm: {', '.join(verdict.false_alarms)}"
    named = verdict.named is not None and verdict.named.factor not in NO_DIAGNOSIS
    return f"{'wrong' if named else 'missed'}: is {' and '.join(verdict.case.factors)}"
