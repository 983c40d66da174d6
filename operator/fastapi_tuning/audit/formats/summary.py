"""What a report amounts to, in a line. Pure."""

from fastapi_tuning.audit.finding import Report, Severity

_NOUNS = {
    Severity.ERROR: ("error", "errors"),
    Severity.WARNING: ("warning", "warnings"),
    Severity.INFO: ("note", "notes"),
    Severity.UNKNOWN: ("thing that could not be read", "things that could not be read"),
}


def heading(report: Report) -> str:
    """Which service, and by whom it is tuned."""
    tuned = "no FastAPITuning" if report.tuning is None else f"FastAPITuning {report.tuning}"
    return f"Deployment {report.deployment} in {report.namespace} ({tuned}), {report.time:%Y-%m-%d %H:%M} UTC"


def summary(report: Report) -> str:
    """How much was found, how bad."""
    counted = [(report.count(severity), nouns) for severity, nouns in _NOUNS.items()]
    told = [f"{count} {nouns[count != 1]}" for count, nouns in counted if count]
    return f"{', '.join(told) or 'nothing found'}; {len(report.passed)} checks passed"
