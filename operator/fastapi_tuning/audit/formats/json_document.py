"""A report for programs. Pure."""

from fastapi_tuning.audit.finding import Report


def json_document(report: Report) -> str:
    """Field names as in the API; `severity` is error, warning, info or unknown."""
    return report.model_dump_json(by_alias=True, indent=2) + "\n"
