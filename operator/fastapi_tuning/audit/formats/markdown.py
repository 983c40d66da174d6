"""A report for a wiki, an issue or a merge request. Pure."""

import re

from fastapi_tuning.audit.finding import Finding, Report
from fastapi_tuning.audit.formats.summary import heading, summary


def markdown(report: Report) -> str:
    """A section a finding, what to copy in a fence."""
    parts = [f"# Audit: {_plain(heading(report))}", f"{summary(report)}."]
    parts += [_section(finding) for finding in report.findings]
    if report.passed:
        parts.append(f"Passed: {', '.join(f'`{each}`' for each in report.passed)}.")
    return "\n\n".join(parts) + "\n"


def _section(finding: Finding) -> str:
    parts = [f"## {finding.severity}: {_plain(finding.title)} (`{finding.id}`)", _plain(finding.evidence)]
    if finding.leaves_open:
        parts.append(f"Leaves open: {', '.join(f'`{each}`' for each in finding.leaves_open)}.")
    fence = _fence(finding.fix)
    return "\n\n".join([*parts, f"{fence}\n{finding.fix}\n{fence}"])


def _plain(text: str) -> str:
    """Evidence quotes what users wrote: none of it is markup."""
    return re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", " ".join(text.split()))


def _fence(text: str) -> str:
    """Longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)
