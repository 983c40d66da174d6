"""What a step says of its level."""

from typing import Any

import pytest

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.load_test.step import Verdict, step_of
from tests.unit.load_test.builders import OBJECTIVES, step, summary


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.HELD),
        ({"late": 12}, Verdict.HELD),  # one of a hundred may be
        ({"late": 60}, Verdict.LATE),
        ({"errors": 60}, Verdict.FAILED),
        ({"errors": 60, "shed": 60}, Verdict.FAILED),
        ({"timeouts": 60}, Verdict.FAILED),
        ({"errors": 1}, Verdict.HELD),  # chance
        ({"late": 60, "cut_short": True}, Verdict.STOPPED),
        ({"late": 60, "generator_lag_p99_seconds": 0.2}, Verdict.GENERATOR_LATE),
        ({"generator_lag_p99_seconds": 0.2}, Verdict.HELD),  # in spite of it
        ({"late": 60, "generator_lag_p99_seconds": None}, Verdict.LATE),
        ({"offered": 40}, Verdict.TOO_FEW_REQUESTS),
        ({"offered": 0}, Verdict.TOO_FEW_REQUESTS),
    ],
)
def test_verdicts(changes: dict[str, Any], verdict: Verdict) -> None:
    assert step(**changes).verdict is verdict


def test_a_mean_that_the_objective_limits_counts() -> None:
    assert step(objectives=Objectives(average_latency_milliseconds=200)).verdict is Verdict.LATE
    assert step(objectives=Objectives(average_latency_milliseconds=300)).verdict is Verdict.HELD


def test_a_step_that_ends_while_it_settles_is_told_by_that() -> None:
    settling = summary(rate=400.0, seconds=2.0, late=300, cut_short=True)
    found = step_of(400.0, settling, None, OBJECTIVES, 1)
    assert found.verdict is Verdict.STOPPED
    assert found.offered_per_second == 400
    assert found.bad == 300


def test_bad_requests_count_while_it_settles_too() -> None:
    settling, judged = summary(seconds=5.0, late=3, errors=2), summary(late=4, timeouts=1)
    found = step_of(40.0, settling, judged, OBJECTIVES, 1)
    assert found.bad == 3 + 2 + 4 + 1
    assert found.seconds == 35


def test_what_was_served_is_what_was_answered_in_its_time() -> None:
    assert step(40.0, answered=600).served_per_second == 20
