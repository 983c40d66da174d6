"""Statuses become what was said, and when."""

from datetime import UTC, datetime
from typing import Any

from benchmarks.testbed.verdict import Sighting
from benchmarks.testbed.watch import sightings_of

FAULT = 1_800_000_000.0


def status(seconds: float, factor: str, **diagnosis: Any) -> dict[str, Any]:
    observed = datetime.fromtimestamp(FAULT + seconds, UTC).isoformat().replace("+00:00", "Z")
    return {
        "limitingFactor": factor,
        "diagnosis": {"factor": factor, **diagnosis},
        "history": {"lastObservationTime": observed},
    }


def looks(*statuses: dict[str, Any]) -> list[tuple[float, dict[str, Any]]]:
    """One a second, from half a minute after the fault on."""
    return [(FAULT + 30 + second, each) for second, each in enumerate(statuses)]


def test_a_status_that_says_the_same_is_one_sighting_with_the_time_of_the_first_cycle() -> None:
    statuses = [status(-10, "None"), status(-10, "None"), status(5, "None"), status(20, "CPU"), status(35, "CPU")]
    found = sightings_of(looks(*statuses), FAULT)
    assert [(each.seconds, each.factor) for each in found] == [(-10, "None"), (20, "CPU")]


def test_another_runner_up_is_something_new() -> None:
    found = sightings_of(looks(status(5, "CPU"), status(20, "CPU", runnerUp="Memory")), FAULT)
    assert [each.runner_up for each in found] == ["", "Memory"]


def test_confidence_and_evidence_are_kept() -> None:
    told = status(5, "CPU", confidence="0.9", evidence="0.98 cores of one", runnerUp=None)
    found = sightings_of(looks(told), FAULT)
    assert found == [Sighting(seconds=5, factor="CPU", confidence="0.9", evidence="0.98 cores of one")]


def test_before_the_first_cycle_nothing_is_said() -> None:
    assert sightings_of(looks({}, {"limitingFactor": "Unknown"}), FAULT) == []


def test_a_cycle_that_observed_nothing_is_dated_by_the_look_that_found_it() -> None:
    found = sightings_of(looks(status(20, "CPU"), status(20, "CPU"), status(20, "Unknown")), FAULT)
    assert [(each.seconds, each.factor) for each in found] == [(20, "CPU"), (32, "Unknown")]
