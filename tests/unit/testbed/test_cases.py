"""The table of the test bed is complete, and what it names is there."""

import importlib

import pytest

from benchmarks.testbed.cases import CASES, HEALTHY, PATH, WATCHED_SECONDS, Case
from fastapi_tuning.load.profile import parse_profile

CAUSES = {
    *("ThreadPool", "CPU", "EventLoopBlocked", "DatabasePool", "Database", "ExternalAPI", "Memory", "Imbalance"),
    *("ColdPods", "ApplicationErrors"),
}


def test_each_cause_is_there_once_and_two_at_once_and_a_healthy_one() -> None:
    assert len(CASES) == 12
    single = [case.factors[0] for case in CASES if len(case.factors) == 1]
    assert sorted(single) == sorted([*CAUSES, HEALTHY])
    (both,) = (set(case.factors) for case in CASES if len(case.factors) > 1)
    assert len(both) == 2
    assert both <= CAUSES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_runs_an_app_that_exists(case: Case) -> None:
    module, _, attribute = case.command[1].partition(":")
    paths = [getattr(route, "path", "") for route in getattr(importlib.import_module(module), attribute).routes]
    assert PATH in paths


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_load_goes_on_for_as_long_as_the_fault_is_watched(case: Case) -> None:
    profile = parse_profile(case.profile)
    assert profile.duration_seconds == case.quiet_seconds + WATCHED_SECONDS <= 150
    assert profile.rate_at(0) == case.quiet_per_second
    assert (
        profile.rate_at(case.quiet_seconds) == profile.rate_at(profile.duration_seconds - 1) == case.loaded_per_second
    )
