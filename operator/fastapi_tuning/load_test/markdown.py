"""A load test for a terminal, a wiki or a merge request, alone or beside an earlier one. Pure."""

import re
from collections.abc import Iterable, Sequence

from fastapi_tuning.load_test.findings import Findings
from fastapi_tuning.load_test.report import Recommended, Report
from fastapi_tuning.load_test.search import Bounds, End, ladder
from fastapi_tuning.load_test.step import Step

_ENDS = {
    End.KNEE_FOUND: "the knee is between the highest load that held and the lowest that did not",
    End.MOST_HELD: "the highest load that was allowed held: the knee is above it",
    End.NOTHING_HELD: "no load held: the knee is below the least that was tried",
    End.TIME_SPENT: "the time was spent: the knee is known no closer than this",
    End.ERROR_BUDGET_SPENT: "the test had made as many requests bad as it may: the knee is known no closer than this",
    End.GENERATOR_LATE: "the generator could not offer more in time from where it ran",
    End.TARGET_MOVED: "pods came, went or were replaced while they were measured",
    End.TOO_FEW_REQUESTS: "the loads in question bring too few requests to judge",
}


def markdown(report: Report, before: Report | None = None, picture: str | None = None) -> str:
    """The report.

    Args:
        before: an earlier one to stand beside it.
        picture: address of the picture, for a link.
    """
    heading = f"# Load test: Deployment {report.deployment} in {report.namespace}, {report.time:%Y-%m-%d %H:%M} UTC"
    parts = [
        heading,
        f"{_plain(report.load)}. Objective: {report.objective}. {report.pods} pods at the start.",
        f"Result: {_result(report)}",
    ]
    if before is not None:
        parts.append(_compared(before, report))
    if picture is not None:
        parts.append(f"![Latency and served load by offered load]({picture})")
    parts += ["## Steps", _steps(report), "## One pod", _pod(report.findings)]
    if report.peak_pods is not None:
        each_carries = _rate(report.findings.safe_per_second)
        parts.append(f"{report.peak_per_second:g} requests/s need {report.peak_pods} pods at {each_carries} each.")
    parts += [_section(each) for each in report.objects]
    return "\n\n".join(parts) + "\n"


def plan_text(*, load: str, unit: str, bounds: Bounds, lines: Sequence[str]) -> str:
    """What would be done, for a person to agree to."""
    levels = ", ".join(f"{level:g}" for level in ladder(bounds))
    return "\n".join(
        (
            f"{load}. {lines[0]}",
            f"While the objective holds: {levels} {unit}, {bounds.settle_seconds:g} s to settle and at least "
            f"{bounds.step_seconds:g} s judged, each.",
            f"After the first that fails: ever closer, until {100 * bounds.resolution:g} % are between what holds and "
            "what does not.",
            f"Never above {bounds.most:g} {unit}, never longer than {bounds.most_seconds / 60:g} min, and at most "
            f"{bounds.most_bad_requests} bad requests in all.",
            *lines[1:],
        )
    )


def step_line(number: int, step: Step, unit: str) -> str:
    """One step, for a person who waits."""
    within = "-" if step.within_objective is None else f"{100 * step.within_objective:.2f} %"
    return (
        f"step {number}: {step.level:g} {unit}: {step.verdict}; {step.offered_per_second:.1f}/s offered, "
        f"{step.served_per_second:.1f}/s served, p50 {_ms(step.p50_seconds)}, p99 {_ms(step.p99_seconds)}, "
        f"{within} in time, {step.errors} errors ({step.shed} shed), {step.timeouts} timeouts, {step.pods} pods"
    )


def _result(report: Report) -> str:
    findings, end = report.findings, _ENDS[report.end]
    if findings.knee_per_second is None:
        return f"{end}."
    at_least = "" if findings.failed_per_second is not None else "at least "
    return (
        f"**{at_least}{_rate(findings.knee_per_second)} a pod** within the objective; "
        f"plan with {_rate(findings.safe_per_second)}. {end[0].upper()}{end[1:]}."
    )


def _steps(report: Report) -> str:
    header = (
        report.unit,
        *("verdict", "offered/s", "served/s", "p50", "p99", "in time", "errors", "shed", "timeouts", "pods"),
    )
    return _table(header, (_cells(step) for step in report.steps))


def _cells(step: Step) -> tuple[str, ...]:
    return (
        f"{step.level:g}",
        step.verdict.value,
        f"{step.offered_per_second:.1f}",
        f"{step.served_per_second:.1f}",
        _ms(step.p50_seconds),
        _ms(step.p99_seconds),
        "-" if step.within_objective is None else f"{100 * step.within_objective:.2f} %",
        str(step.errors),
        str(step.shed),
        str(step.timeouts),
        str(step.pods),
    )


def _pod(findings: Findings) -> str:
    measured = "measured by the agent" if findings.service_measured else "as the clients saw it"
    rows = [
        ("highest load that held", _rate(findings.knee_per_second)),
        ("lowest load that did not", _rate(findings.failed_per_second)),
        ("plan with (nine tenths of what held)", _rate(findings.safe_per_second)),
        ("what the operator takes it for at first, with this pool", _rate(findings.law_per_second)),
        (f"time of a request, {measured}", _ms(findings.service_seconds)),
        ("CPU of a request", _ms(findings.cpu_seconds_per_request)),
        ("threads", _number(findings.threads)),
        ("best threads", _number(findings.best_threads)),
    ]
    notes = [f"Threads: {findings.threads_from}."]
    if findings.pool_ended_first:
        notes.append("The pool ended first: with more threads the knee is higher; set them, and test again.")
    if not findings.service_measured and findings.service_seconds is not None:
        notes.append("Without the agent nobody knows whether requests hold a thread at all; in `async def` none does.")
    return "\n\n".join([_table(("of one pod", "value"), rows), " ".join(notes)])


def _compared(before: Report, after: Report) -> str:
    rows = [
        ("time", f"{before.time:%Y-%m-%d %H:%M}", f"{after.time:%Y-%m-%d %H:%M}", ""),
        *(
            (name, _rate(old), _rate(new), _change(old, new))
            for name, old, new in (
                ("held, a pod", before.findings.knee_per_second, after.findings.knee_per_second),
                ("plan with, a pod", before.findings.safe_per_second, after.findings.safe_per_second),
            )
        ),
        ("threads", _number(before.findings.threads), _number(after.findings.threads), ""),
        ("pods", str(before.pods), str(after.pods), ""),
    ]
    differing = [
        f"the {what} differs ({_plain(old)}; {_plain(new)})"
        for what, old, new in (("load", before.load, after.load), ("objective", before.objective, after.objective))
        if old != new
    ]
    doubts = f"\n\nCompare with care: {'; '.join(differing)}." if differing else ""
    return f"## Before and after\n\n{_table(('', 'before', 'after', 'change'), rows)}{doubts}"


def _section(each: Recommended) -> str:
    return f"## {each.what}\n\n{each.use}\n\n```yaml\n{each.manifest}\n```"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = tuple(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rate(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1f} requests/s"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.4g} ms"


def _number(value: int | None) -> str:
    return "not known" if value is None else str(value)


def _change(before: float | None, after: float | None) -> str:
    return "" if not before or after is None else f"{100 * (after / before - 1):+.0f} %"


def _plain(text: str) -> str:
    """What users wrote is no markup."""
    return re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", " ".join(text.split()))
