"""What a run of pip-audit means: nothing found, something found, nobody asked, or broken. Pure."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """pip-audit exits with 1 for all but the first of these."""

    CLEAN = "clean"
    FINDINGS = "findings"
    UNREACHABLE = "unreachable"
    """Nothing was learned: no fault of the dependencies, and no word for them either."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`lines` are for people."""

    outcome: Outcome
    lines: tuple[str, ...]

    @property
    def fails(self) -> bool:
        """An audit that could not be made must not stop a build without a network; one that is broken must."""
        return self.outcome in (Outcome.FINDINGS, Outcome.BROKEN)


_NO_CONNECTION = (
    "network may be blocking this service",
    "requests.exceptions.ConnectionError",
    "requests.exceptions.ConnectTimeout",
    "requests.exceptions.ReadTimeout",
    "requests.exceptions.ProxyError",
    "requests.exceptions.SSLError",
    "requests.exceptions.HTTPError",
    "requests.exceptions.JSONDecodeError",
)
"""pip-audit translates some of these and lets the others through as tracebacks."""


def verdict_of(return_code: int, output: str, errors: str) -> Verdict:
    """The meaning of exit code, JSON report and messages."""
    report = _report(output)
    if report is None:
        last = errors.strip().splitlines()[-1:] or [f"exit code {return_code} without a word"]
        if any(sign in errors for sign in _NO_CONNECTION):
            return Verdict(outcome=Outcome.UNREACHABLE, lines=(*last, "not audited: the service cannot be reached"))
        return Verdict(outcome=Outcome.BROKEN, lines=tuple(last))
    findings = tuple(line for each in report for line in _findings(each))
    skipped = tuple(each["name"] for each in report if "skip_reason" in each)
    audited = len(report) - len(skipped)
    not_audited = (f"{len(skipped)} not audited: {', '.join(skipped)}",) if skipped else ()
    if findings:
        return Verdict(outcome=Outcome.FINDINGS, lines=(*findings, *not_audited))
    if not audited:
        message = "not audited: what answers in the place of the service knows none of the packages"
        return Verdict(outcome=Outcome.UNREACHABLE, lines=(message,))
    return Verdict(outcome=Outcome.CLEAN, lines=(f"{audited} packages without a known vulnerability", *not_audited))


def _report(output: str) -> list[dict[str, Any]] | None:
    try:
        document = json.loads(output)
        return list(document["dependencies"])
    except (ValueError, KeyError, TypeError):
        return None


def _findings(dependency: dict[str, Any]) -> list[str]:
    return [
        f"{dependency['name']} {dependency['version']}: {found['id']}, mended in {_versions(found)}"
        for found in dependency.get("vulns", ())
    ]


def _versions(found: dict[str, Any]) -> str:
    return ", ".join(found["fix_versions"]) or "no version yet"
