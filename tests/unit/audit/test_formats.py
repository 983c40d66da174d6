"""A report in each format: complete, and proof against what users write into manifests."""

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from fastapi_tuning.audit.checklist import CHECKLIST
from fastapi_tuning.audit.finding import Report, Severity, audit
from fastapi_tuning.audit.formats.html import html
from fastapi_tuning.audit.formats.json_document import json_document
from fastapi_tuning.audit.formats.markdown import markdown
from fastapi_tuning.audit.formats.sarif import sarif
from fastapi_tuning.audit.formats.table import table
from tests.unit.audit.services import REFUSED, facts, server
from tests.unit.control.builders import launch

HOSTILE = "argument --workers 4 [red]<script>alert(1)</script> | `x` ```"


def report(**changes: Any) -> Report:
    """An error with hostile evidence, a warning, a note, and something unread."""
    bad = server(launch=launch(workers=4, workers_from=HOSTILE))
    return audit(facts(server=bad, replicas=1, tuning=None, pods=REFUSED, **changes), CHECKLIST)


FORMATS: dict[str, Callable[[Report], str]] = {
    "table": lambda found: table(found, width=100, colours=False),
    "json": json_document,
    "markdown": markdown,
    "html": html,
    "sarif": lambda found: sarif(found, CHECKLIST, None),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_finding_is_in_every_format(name: str) -> None:
    found = report()
    text = FORMATS[name](found)
    assert {finding.severity for finding in found.findings} == set(Severity)
    for finding in found.findings:
        assert finding.id in text
    for id_ in found.passed if name in ("json", "markdown", "html") else ():
        assert id_ in text


def test_json_is_the_report_itself() -> None:
    found = report()
    body = json.loads(json_document(found))
    assert Report.model_validate(body) == found
    assert {"leavesOpen", "couldBe"} <= body["findings"][0].keys()


class Tags(HTMLParser):
    """Tags that a browser would see, and addresses that it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def test_html_loads_nothing_and_runs_nothing() -> None:
    tags = Tags(html(report()))
    assert "script" not in tags.names
    assert tags.addresses == []
    assert tags.names.count("article") == len(report().findings)


def test_markdown_keeps_what_users_wrote_from_being_markup() -> None:
    text = markdown(report())
    prose = [line for line in text.splitlines() if "alert(1)" in line and not line.startswith("#")]
    assert prose
    assert all("\\<script\\>" in line and "\\|" in line for line in prose)
    fences = [line for line in text.splitlines() if line.strip("`") == "" and line]
    assert max(map(len, fences)) == 4, "longer than the run of backticks inside"


def test_the_table_keeps_to_its_width_and_takes_nothing_for_markup() -> None:
    text = table(report(), width=80, colours=False)
    assert max(map(len, text.splitlines())) <= 80
    assert "[red]" in text
    assert "\x1b" not in text
    assert "\x1b" in table(report(), width=80, colours=True)


def test_a_service_without_a_fault_has_a_table_too() -> None:
    assert "nothing found" in table(audit(facts(), CHECKLIST), width=80, colours=False)


REQUIRED: dict[str, tuple[str, ...]] = {
    "log": ("version", "runs"),
    "run": ("tool",),
    "tool": ("driver",),
    "driver": ("name",),
    "rule": ("id",),
    "result": ("message",),
    "message": ("text",),
    "invocation": ("executionSuccessful",),
    "artifactLocation": ("uri",),
    "region": ("startLine",),
}
"""As sarif-schema-2.1.0.json has it; of alternatives (message, region) the one that is used."""


def requires(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    assert set(REQUIRED[kind]) <= body.keys(), kind
    return body


@pytest.mark.parametrize("manifest", [None, "deploy/checkout.yaml"])
def test_sarif_has_what_the_published_schema_requires(manifest: str | None) -> None:
    log = requires("log", json.loads(sarif(report(), CHECKLIST, manifest)))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = requires("driver", requires("tool", requires("run", run)["tool"])["driver"])
    rules = [requires("rule", rule) for rule in driver["rules"]]
    requires("invocation", run["invocations"][0])
    for result in run["results"]:
        requires("message", requires("result", result)["message"])
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["kind"] == "fail" or result["level"] == "none", "section 3.27.10 of the standard"
        (location,) = result["locations"]
        assert ("physicalLocation" in location) == (manifest is not None)
        if manifest is not None:
            assert requires("artifactLocation", location["physicalLocation"]["artifactLocation"])["uri"] == manifest
            requires("region", location["physicalLocation"]["region"])


def test_a_finding_keeps_its_fingerprint_when_its_numbers_change() -> None:
    def prints(found: Report) -> set[str]:
        results = json.loads(sarif(found, CHECKLIST, None))["runs"][0]["results"]
        return {result["partialFingerprints"]["finding/v1"] for result in results}

    later = audit(replace(facts(), replicas=0), CHECKLIST)
    assert prints(audit(replace(facts(), replicas=1), CHECKLIST)) == prints(later)
    assert len(prints(report())) == len(report().findings)
