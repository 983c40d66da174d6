"""A checklist over facts, and what it finds. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fastapi_tuning.api.model import ApiModel
from fastapi_tuning.audit.facts import Facts, Unread


class Severity(StrEnum):
    """How bad; the worst first. `unknown` is none of the three: it may hide any of them."""

    ERROR = "error"
    """Requests fail, or will under load."""
    WARNING = "warning"
    """Costs latency, capacity or availability when something ordinary happens: load, a rollout, a node drain."""
    INFO = "info"
    """Worth knowing."""
    UNKNOWN = "unknown"
    """Could not be read."""


THRESHOLDS = (Severity.ERROR, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What a check found: the numbers and fields that it read, and what to copy to mend it."""

    evidence: str
    fix: str


Answer = Violation | Unread | None
"""None: nothing to say against it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist; `title` says what is wrong where it is found."""

    id: str
    severity: Severity
    title: str
    look: Callable[[Facts], Answer]


class Finding(ApiModel):
    """One line of the report."""

    id: str
    severity: Severity
    title: str
    evidence: str
    fix: str
    leaves_open: tuple[str, ...] = ()
    """Ids of the checks that could not be made; of an `unknown` finding only."""
    could_be: Severity | None = None
    """The worst that those checks would have found."""


class Report(ApiModel):
    """What an audit found, the worst first."""

    namespace: str
    deployment: str
    tuning: str | None
    time: datetime
    findings: tuple[Finding, ...]
    passed: tuple[str, ...]
    """Ids of the checks that had nothing to say."""

    def count(self, severity: Severity) -> int:
        return sum(finding.severity is severity for finding in self.findings)

    def reaches(self, threshold: Severity) -> bool:
        """Whether something was found that is at least as bad."""
        return any(_at_least(finding.severity, threshold) for finding in self.findings)

    def may_hide(self, threshold: Severity) -> bool:
        """Whether something could not be read that may be at least as bad."""
        return any(finding.could_be and _at_least(finding.could_be, threshold) for finding in self.findings)


def audit(facts: Facts, checklist: Iterable[Check]) -> Report:
    """Put every question of the checklist to the facts."""
    answers = [(check, check.look(facts)) for check in checklist]
    violations = [_finding(check, answer) for check, answer in answers if isinstance(answer, Violation)]
    left_open: dict[Unread, list[Check]] = {}
    for check, answer in answers:
        if isinstance(answer, Unread):
            left_open.setdefault(answer, []).append(check)
    unknowns = [_unknown(unread, checks) for unread, checks in left_open.items()]
    return Report(
        namespace=facts.namespace,
        deployment=facts.deployment,
        tuning=None if facts.tuning is None else facts.tuning.name,
        time=facts.time,
        findings=tuple(sorted([*violations, *unknowns], key=lambda finding: _RANK[finding.severity])),
        passed=tuple(check.id for check, answer in answers if answer is None),
    )


def _finding(check: Check, found: Violation) -> Finding:
    return Finding(id=check.id, severity=check.severity, title=check.title, evidence=found.evidence, fix=found.fix)


def _unknown(unread: Unread, checks: list[Check]) -> Finding:
    return Finding(
        id=unread.id,
        severity=Severity.UNKNOWN,
        title=f"{unread.what} could not be read",
        evidence=unread.why,
        fix=unread.fix,
        leaves_open=tuple(check.id for check in checks),
        could_be=min((check.severity for check in checks), key=_RANK.__getitem__),
    )


_RANK: Mapping[Severity, int] = {severity: rank for rank, severity in enumerate(Severity)}


def _at_least(severity: Severity, threshold: Severity) -> bool:
    return severity is not Severity.UNKNOWN and _RANK[severity] <= _RANK[threshold]
