"""What the conditions say, and that they say nothing that is not known."""

from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import ConditionType
from fastapi_tuning.control.cycle import tune
from fastapi_tuning.control.observation import EnvironmentSetting
from fastapi_tuning.report.conditions import Finding, conditions_of, findings_of_cycle, findings_of_fallback
from tests.unit.control.builders import NO_DATA, NOW, history, launch, observation, spec, surroundings, workload


def found(kind: ConditionType, **launched: Any) -> Finding:
    seen = observation(workload=workload(launch=launch(**launched)))
    outcome = tune(spec(), seen, history(), surroundings())
    return findings_of_cycle(seen.workload, seen.signals, outcome, ())[kind]


@pytest.mark.parametrize(
    ("workers", "status", "reason"),
    [
        (1, "True", Reason.ONE_WORKER),
        (4, "False", Reason.SEVERAL_WORKERS),
        (None, "Unknown", Reason.WORKERS_UNKNOWN),
    ],
)
def test_one_worker_per_pod_is_said_only_of_a_count_that_is_known(
    workers: int | None, status: str, reason: Reason
) -> None:
    finding = found(ConditionType.ONE_WORKER_PER_POD, workers=workers, workers_from="argument --workers $(W)")

    assert (finding.status, finding.reason) == (status, reason)
    assert workers == 1 or "argument --workers $(W)" in finding.message


FLAGGED = EnvironmentSetting(
    variable="UVICORN_LIMIT_CONCURRENCY",
    current=None,
    blocked_by=Reason.FLAG_OVERRIDES,
    blocked_message="the flag wins",
)


@pytest.mark.parametrize(
    ("launched", "status", "reason"),
    [
        pytest.param({"server": "uvicorn"}, "True", Reason.TUNING, id="uvicorn"),
        pytest.param({"server": "unknown"}, "Unknown", Reason.LAUNCHER_UNKNOWN, id="image default"),
        pytest.param({"settings": (FLAGGED,)}, "False", Reason.FLAG_OVERRIDES, id="a flag"),
        pytest.param({"server": "unknown", "settings": (FLAGGED,)}, "False", Reason.FLAG_OVERRIDES, id="known to fail"),
    ],
)
def test_settings_are_effective_only_where_the_launcher_is_known_to_read_them(
    launched: dict[str, Any], status: str, reason: Reason
) -> None:
    finding = found(ConditionType.SETTINGS_EFFECTIVE, **launched)

    assert (finding.status, finding.reason) == (status, reason)


def test_a_message_that_quotes_a_long_argument_is_cut_to_what_a_status_can_hold() -> None:
    long = Finding(status="False", reason=Reason.FLAG_OVERRIDES, message="x" * 100_000)

    (condition,) = conditions_of({ConditionType.SETTINGS_EFFECTIVE: long}, (), 1, NOW)

    assert condition.message == "x" * 1024


def fallback_after(missed: int, **fields: Any) -> Finding:
    wish = spec(fallback={"min_replicas": 6, "after_missed_cycles": 3}, **fields)
    outcome = tune(wish, observation(signals=NO_DATA), history(missed_cycles=missed), surroundings())
    return findings_of_fallback(wish.fallback, outcome)[ConditionType.FALLBACK]


def test_a_fallback_says_that_it_holds_since_when_nothing_is_known_and_what_keeps_it() -> None:
    assert fallback_after(1) == Finding(status="False", reason=Reason.TUNING, message="2 of 3 cycles without data")
    assert fallback_after(2).status == "True"
    assert fallback_after(2).message == "at least 6 replicas; no data: connection refused"
    assert fallback_after(2, suspend=True).message == (
        "at least 6 replicas; spec.suspend is true; no data: connection refused"
    )


def test_without_a_fallback_nothing_is_said_of_one() -> None:
    outcome = tune(spec(), observation(signals=NO_DATA), history(), surroundings())

    assert findings_of_fallback(None, outcome) == {}
