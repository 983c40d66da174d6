"""What pip-audit says is told apart: a finding fails, a service that cannot be reached does not."""

import json
from typing import Any

import pytest

from dev.dependency_audit.verdict import Outcome, verdict_of

FOUND = {"name": "urllib3", "version": "1.0", "vulns": [{"id": "PYSEC-2023-1", "fix_versions": ["1.26.17"]}]}
SOUND = {"name": "kopf", "version": "1.45", "vulns": []}
SKIPPED = {"name": "ours", "skip_reason": "Dependency not found on PyPI and could not be audited: ours (1)"}


def report(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


def test_a_known_vulnerability_fails_and_is_named_with_what_mends_it() -> None:
    verdict = verdict_of(1, report(SOUND, FOUND), "Found 1 known vulnerability in 1 package")

    assert verdict.fails
    assert verdict.lines == ("urllib3 1.0: PYSEC-2023-1, mended in 1.26.17",)


def test_packages_without_a_finding_pass_and_those_that_nobody_knows_are_named() -> None:
    verdict = verdict_of(0, report(SOUND, SKIPPED), "No known vulnerabilities found, 1 skipped")

    assert verdict.outcome is Outcome.CLEAN
    assert verdict.lines == ("1 packages without a known vulnerability", "1 not audited: ours")


def test_a_service_that_knows_no_package_at_all_has_audited_nothing() -> None:
    assert verdict_of(0, report(SKIPPED), "No known vulnerabilities found").outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize(
    "errors",
    [
        "ERROR:pip_audit._cli:Tip: your network may be blocking this service. Try another service with `-s SERVICE`",
        "Traceback (most recent call last):\n…\nrequests.exceptions.ConnectionError: Max retries exceeded",
    ],
)
def test_a_service_that_cannot_be_reached_fails_nothing_and_is_said_not_to_have_been_asked(errors: str) -> None:
    verdict = verdict_of(1, "", errors)

    assert verdict.outcome is Outcome.UNREACHABLE
    assert not verdict.fails
    assert "not audited" in verdict.lines[-1]


@pytest.mark.parametrize("errors", ["ERROR:pip_audit._cli:invalid requirements input: no.lock", ""])
def test_an_audit_that_is_broken_fails(errors: str) -> None:
    verdict = verdict_of(1, "", errors)

    assert verdict.outcome is Outcome.BROKEN
    assert verdict.fails
    assert verdict.lines[0]
