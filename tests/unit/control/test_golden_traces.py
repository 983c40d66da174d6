"""Whole scenarios, decision by decision, as they were reviewed by people (see golden/trace.py)."""

import pytest

from tests.unit.control.golden.trace import replay, scenarios

SCENARIOS = scenarios()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_law_decides_as_it_was_reviewed(name: str) -> None:
    scenario = SCENARIOS[name]

    assert replay(scenario) == scenario["trace"]


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 8
