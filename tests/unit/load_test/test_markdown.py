"""What a person reads."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fastapi_tuning.load_test.findings import Findings
from fastapi_tuning.load_test.markdown import markdown, plan_text, step_line
from fastapi_tuning.load_test.report import Recommended, Report
from fastapi_tuning.load_test.search import End, ladder
from tests.unit.load_test.builders import bounds, step

FINDINGS = Findings(
    knee_per_second=47.5,
    failed_per_second=51.9,
    safe_per_second=42.75,
    law_per_second=None,
    service_seconds=0.25,
    service_measured=True,
    cpu_seconds_per_request=0.002,
    threads=40,
    best_threads=60,
    threads_from="",
    pool_ended_first=False,
)


def report(**changes: Any) -> Report:
    plain = Report(
        namespace="shop",
        deployment="checkout",
        tuning="checkout",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        load="Open loop on GET http://web.shop.svc:80/orders",
        unit="requests/s",
        objective="99 % within 500 ms",
        threshold_seconds=0.5,
        pods=2,
        end=End.KNEE_FOUND,
        steps=(step(80.0), step(100.0, late=600, p99_seconds=None)),
        findings=FINDINGS,
    )
    return plain.model_copy(update=changes)


@pytest.mark.parametrize("end", End)
def test_every_end_is_told(end: End) -> None:
    assert "Result: " in markdown(report(end=end))


def test_a_knee_that_was_not_reached_is_a_lower_bound() -> None:
    assert "**at least 47.5" in markdown(report(findings=FINDINGS.model_copy(update={"failed_per_second": None})))
    assert "at least" not in markdown(report())
    assert (
        "a pod" not in markdown(report(findings=FINDINGS.model_copy(update={"knee_per_second": None}))).split("##")[0]
    )


def test_tables_have_as_many_cells_as_headings() -> None:
    lines = [line for line in markdown(report(), report()).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {3, 5, 12}


def test_what_differs_between_two_tests_is_told() -> None:
    assert "Compare with care" not in markdown(report(), report())
    assert "the load differs" in markdown(report(load="another"), report())


def test_what_users_wrote_is_no_markup() -> None:
    assert "<script>" not in markdown(report(load="Locust scenario <script>"))


def test_what_is_to_be_copied_stands_in_a_fence() -> None:
    what = Recommended(what="FastAPITuning checkout", use="apply it", manifest="kind: FastAPITuning")
    assert "```yaml\nkind: FastAPITuning\n```" in markdown(report(objects=(what,)))


def test_a_step_without_a_quantile_says_so() -> None:
    assert "p99 -," in step_line(2, report().steps[1], "requests/s")


def test_the_plan_names_every_bound() -> None:
    wanted = bounds(most=77.0, most_seconds=300.0, most_bad_requests=123)
    text = plan_text(load="Load", unit="requests/s", bounds=wanted, lines=("Image.", "Paused."))
    assert all(said in text for said in ("77 requests/s", "5 min", "123 bad requests", "Paused."))
    assert all(f"{level:g}" in text for level in ladder(wanted))
