"""A report as SARIF 2.1.0 (OASIS), which code-scanning pages and editors read. Pure.

The part of the format that a report needs is forty lines; the object models on PyPI are unmaintained or larger.
"""

import json
from collections.abc import Iterable
from typing import Any

from fastapi_tuning import __version__
from fastapi_tuning.audit.finding import Check, Finding, Report, Severity

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif(report: Report, checklist: Iterable[Check], manifest: str | None) -> str:
    """One run: every check is a rule, every finding a result.

    What could not be read is a result of kind "open", whose level is "none" as the standard asks.

    Args:
        manifest: path of the Deployment's manifest in the repository; pages that show findings in files want one.
    """
    rules = [_rule(check.id, check.title, _LEVELS[check.severity]) for check in checklist]
    rules += [_rule(each.id, each.title, "none") for each in report.findings if each.severity is Severity.UNKNOWN]
    index = {rule["id"]: position for position, rule in enumerate(rules)}
    location = _location(report, manifest)
    driver = {"name": "fastapi-tuning audit", "semanticVersion": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True, "endTimeUtc": f"{report.time:%Y-%m-%dT%H:%M:%SZ}"}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, index, location, report) for finding in report.findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(id_: str, title: str, level: str) -> dict[str, Any]:
    return {"id": id_, "shortDescription": {"text": title}, "defaultConfiguration": {"level": level}}


def _result(finding: Finding, index: dict[str, int], location: dict[str, Any], report: Report) -> dict[str, Any]:
    """The fingerprint tells a finding of today from the same one of yesterday: numbers in its text may change."""
    unread = finding.severity is Severity.UNKNOWN
    return {
        "ruleId": finding.id,
        "ruleIndex": index[finding.id],
        "kind": "open" if unread else "fail",
        "level": "none" if unread else _LEVELS[finding.severity],
        "message": {"text": f"{finding.title}: {finding.evidence}\n\n{finding.fix}"},
        "locations": [location],
        "partialFingerprints": {"finding/v1": f"{report.namespace}/{report.deployment}/{finding.id}"},
    }


def _location(report: Report, manifest: str | None) -> dict[str, Any]:
    name = f"{report.namespace}/Deployment/{report.deployment}"
    logical = {"logicalLocations": [{"name": report.deployment, "fullyQualifiedName": name, "kind": "object"}]}
    if manifest is None:
        return logical
    return {"physicalLocation": {"artifactLocation": {"uri": manifest}, "region": {"startLine": 1}}, **logical}
