"""What became of each breakage, as a Markdown table. Pure."""

import json
from collections.abc import Sequence

from dev.chaos.verdict import Verdict
from dev.markdown import row

_COLUMNS = (
    "broken",
    "failed",
    "late",
    "fewest pods (needed)",
    "scaled to",
    "same write twice",
    "back after",
    "what the user saw",
    "verdict",
)


def table(rows: Sequence[tuple[str, int, Verdict]]) -> str:
    """A row for each (what was broken, pods needed, verdict), and how many passed."""
    lines = [row(_COLUMNS), row(["---"] * len(_COLUMNS)), *(row(_cells(*each)) for each in rows)]
    passed = sum(verdict.passed for *_, verdict in rows)
    return "\n".join([*lines, "", f"{passed} of {len(rows)} as they should be."]) + "\n"


BEGIN, END = "<!-- made by make chaos -->", "<!-- until here -->"


def inserted(document: str, text: str) -> str:
    """The document with that text between its two marks.

    Raises:
        ValueError: it has no such marks.
    """
    before, _, rest = document.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"\n{END}")
    if not end:
        raise ValueError(f"no lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text}{end}{after}"


def _cells(what: str, needed: int, verdict: Verdict) -> list[str]:
    scaled = [str(json.loads(body)["spec"]["replicas"]) for body in verdict.scaled_to]
    back = "never" if verdict.recovered_seconds is None else f"{verdict.recovered_seconds:.0f} s"
    return [
        what,
        f"{verdict.failed_ratio:.2%}",
        f"{verdict.late_ratio:.2%}",
        f"{verdict.least_pods} ({needed})",
        ", ".join(scaled) or "—",
        str(verdict.repeated),
        back,
        ", ".join(verdict.told) or "—",
        "; ".join(verdict.failures) or "passed",
    ]
