"""A report for a terminal. Pure: the width is given."""

from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fastapi_tuning.audit.finding import Finding, Report, Severity
from fastapi_tuning.audit.formats.summary import heading, summary

_STYLES = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "yellow",
    Severity.INFO: "cyan",
    Severity.UNKNOWN: "magenta",
}


def table(report: Report, *, width: int, colours: bool) -> str:
    """Each finding with its evidence and what to copy."""
    buffer = StringIO()
    console = Console(
        file=buffer, width=width, force_terminal=colours, no_color=not colours, highlight=False, legacy_windows=False
    )
    console.print(_findings(report))
    console.print(Text(summary(report), style="bold"))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _findings(report: Report) -> RenderableType:
    rows = Table(title=heading(report), title_justify="left", show_lines=True, expand=True)
    rows.add_column("severity", no_wrap=True)
    rows.add_column("check", overflow="fold", ratio=1)
    rows.add_column("evidence, and what to copy", overflow="fold", ratio=3)
    for finding in report.findings:
        rows.add_row(
            Text(finding.severity, style=_STYLES[finding.severity]),
            Group(Text(finding.title), Text(finding.id, style="dim")),
            _told(finding),
        )
    return rows if report.findings else Text(heading(report))


def _told(finding: Finding) -> Group:
    """Text, so that nothing in it is taken for markup."""
    parts: list[RenderableType] = [Text(finding.evidence)]
    if finding.leaves_open:
        parts.append(Text(f"leaves open: {', '.join(finding.leaves_open)}", style="dim"))
    return Group(*parts, Padding(Text(finding.fix, style="green"), (0, 0, 0, 2)))
