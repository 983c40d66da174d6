"""From answers to a report: nothing is lost, nothing unread passes, and a pipeline can go by it."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.audit.checklist import CHECKLIST
from fastapi_tuning.audit.facts import Facts, Seen, Setting, Unread
from fastapi_tuning.audit.finding import THRESHOLDS, Answer, Check, Severity, Violation, audit
from fastapi_tuning.cli.audit import FOUND, MAY_HIDE, exit_code
from tests.unit.audit.services import REFUSED, facts, found, probe, probes, server

RANKED = (Severity.ERROR, Severity.WARNING, Severity.INFO)
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "audit.md"


def unread(name: str) -> Unread:
    return Unread(id=f"unread-{name}", what=name, why=f"no right to read {name}", fix="# ask")


answers = st.one_of(st.none(), st.just(Violation(evidence="seen", fix="# mend")), st.sampled_from("abc").map(unread))
checklists = st.lists(st.tuples(st.sampled_from(RANKED), answers), max_size=12)


def checks(drawn: list[tuple[Severity, Answer]]) -> tuple[Check, ...]:
    def answering(answer: Answer) -> Any:
        return lambda _: answer

    return tuple(
        Check(f"check-{number}", severity, "title", answering(answer))
        for number, (severity, answer) in enumerate(drawn)
    )


@given(checklists)
def test_every_check_is_found_passed_or_left_open_and_only_one_of_them(drawn: list[tuple[Severity, Answer]]) -> None:
    checklist = checks(drawn)
    report = audit(facts(), checklist)
    told = [finding.id for finding in report.findings if finding.severity is not Severity.UNKNOWN]
    told += [id_ for finding in report.findings for id_ in finding.leaves_open]
    assert sorted([*told, *report.passed]) == sorted(check.id for check in checklist)


@given(checklists)
def test_the_worst_comes_first(drawn: list[tuple[Severity, Answer]]) -> None:
    ranks = [list(Severity).index(finding.severity) for finding in audit(facts(), checks(drawn)).findings]
    assert ranks == sorted(ranks)


@given(checklists)
def test_a_lower_threshold_never_lets_pass_what_a_higher_one_stops(drawn: list[tuple[Severity, Answer]]) -> None:
    report = audit(facts(), checks(drawn))
    codes = [exit_code(report, threshold) for threshold in THRESHOLDS]
    stopped = [code != 0 for code in codes]
    assert stopped == sorted(stopped)
    assert all(later == FOUND for code, later in pairwise(codes) if code == FOUND)


@pytest.mark.parametrize(
    ("drawn", "codes"),
    [
        ([], (0, 0, 0, 0)),
        ([(Severity.ERROR, Violation(evidence="", fix=""))], (FOUND, FOUND, FOUND, 0)),
        ([(Severity.WARNING, Violation(evidence="", fix=""))], (0, FOUND, FOUND, 0)),
        ([(Severity.WARNING, unread("pods"))], (0, MAY_HIDE, MAY_HIDE, 0)),
        ([(Severity.ERROR, unread("pods")), (Severity.INFO, unread("pods"))], (MAY_HIDE, MAY_HIDE, MAY_HIDE, 0)),
        ([(Severity.ERROR, unread("pods")), (Severity.ERROR, Violation(evidence="", fix=""))], (FOUND,) * 3 + (0,)),
    ],
)
def test_the_exit_code_follows_the_severity(drawn: list[tuple[Severity, Answer]], codes: tuple[int, ...]) -> None:
    report = audit(facts(), checks(drawn))
    assert tuple(exit_code(report, threshold) for threshold in ("error", "warning", "info", "never")) == codes


def all_unread() -> Facts:
    nothing = Seen(signals=REFUSED, blocking=REFUSED, throttled_ratio=REFUSED, liveness_seconds=REFUSED)
    return facts(pods=REFUSED, disruption_budgets=REFUSED, autoscalers=REFUSED, proxies=REFUSED, seen=nothing)


def test_what_cannot_be_read_never_passes() -> None:
    whole, blind = audit(facts(), CHECKLIST), audit(all_unread(), CHECKLIST)
    (finding,) = blind.findings
    assert finding.severity is Severity.UNKNOWN
    assert set(finding.leaves_open) == set(whole.passed) - set(blind.passed)
    assert {"out-of-memory", "no-metrics", "no-disruption-budget", "another-autoscaler"} <= set(finding.leaves_open)


def test_the_proxies_matter_only_to_a_keep_alive_that_is_short() -> None:
    short = server(keep_alive_seconds=Setting(value=5, origin="uvicorn's default"))
    for blind in (replace(all_unread(), server=short), all_unread()):
        (finding,) = audit(blind, CHECKLIST).findings
        both = {"keep-alive-below-proxy", "keep-alive-short"}
        assert both & set(finding.leaves_open) == (both if blind.server is short else set())


def test_a_probe_that_is_no_request_needs_no_metrics() -> None:
    seen = replace(facts().seen, liveness_seconds=None)
    liveness = probe(handler="exec", endpoint="ask", path=None)
    assert found(seen=seen, probes=probes(liveness=liveness)) == {}


def test_the_ids_are_stable_names_of_one_check_each() -> None:
    ids = [check.id for check in CHECKLIST]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z]+(-[a-z]+)+", id_) and not id_.startswith("unread") for id_ in ids)


def test_every_check_is_documented_with_its_severity_and_title() -> None:
    page = DOCUMENTATION.read_text(encoding="utf-8")
    for check in CHECKLIST:
        assert f"| `{check.id}` | {check.severity} | {check.title}" in page
