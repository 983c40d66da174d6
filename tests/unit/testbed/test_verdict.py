"""What counts as right, as late, as wrong, and as a false alarm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.testbed.cases import CASES, Case
from benchmarks.testbed.table import table
from benchmarks.testbed.verdict import Sighting, Verdict, cycles_until, judge, passed

INTERVAL = 15.0


def case_of(name: str) -> Case:
    (found,) = (case for case in CASES if case.name == name)
    return found


def verdict(name: str, *seen: tuple[float, str], runner_up: str = "") -> Verdict:
    sightings = [Sighting(seconds=at, factor=factor, runner_up=runner_up) for at, factor in seen]
    return judge(case_of(name), sightings, INTERVAL)


@pytest.mark.parametrize(("seconds", "cycle"), [(-20, 1), (0, 1), (1, 1), (15, 1), (15.1, 2), (45, 3), (45.1, 4)])
def test_the_first_cycle_comes_within_an_interval_of_the_fault(seconds: float, cycle: int) -> None:
    assert cycles_until(seconds, INTERVAL) == cycle


def test_the_right_cause_in_the_second_cycle_is_right() -> None:
    found = verdict("database", (-10, "None"), (20, "Database"))
    assert (found.right, found.cycles) == (True, 2)


def test_the_right_cause_in_the_fourth_cycle_is_too_late() -> None:
    found = verdict("database", (-10, "None"), (46, "Database"))
    assert (found.right, found.cycles) == (False, None)
    assert found.named is not None
    assert found.named.factor == "None"


def test_the_right_cause_that_gives_way_to_a_wrong_one_by_the_third_cycle_is_wrong() -> None:
    assert not verdict("database", (10, "Database"), (40, "CPU")).right


def test_a_wrong_cause_that_gives_way_to_the_right_one_counts_from_then_on() -> None:
    found = verdict("database", (5, "Database"), (10, "ThreadPool"), (32, "Database"))
    assert (found.right, found.cycles) == (True, 3)


def test_a_cause_that_stands_since_before_the_fault_was_named_in_the_first_cycle() -> None:
    assert verdict("application_errors", (-5, "ApplicationErrors")).cycles == 1


def test_nothing_seen_is_nothing_named() -> None:
    found = verdict("cpu")
    assert found.named is None
    assert not found.right


@pytest.mark.parametrize(
    ("factor", "other"), [("ThreadPool", "ApplicationErrors"), ("ApplicationErrors", "ThreadPool")]
)
def test_of_two_causes_either_may_be_first(factor: str, other: str) -> None:
    assert verdict("two_causes", (20, factor), runner_up=other).right


@pytest.mark.parametrize("other", ["", "CPU", "ThreadPool"])
def test_of_two_causes_both_have_to_be_named(other: str) -> None:
    assert not verdict("two_causes", (20, "ThreadPool"), runner_up=other).right


def test_a_healthy_service_of_which_no_cause_was_named_is_right() -> None:
    found = verdict("healthy", (-15, "Unknown"), (-5, "None"))
    assert (found.right, found.false_alarms) == (True, ())


@pytest.mark.parametrize("at", [-8.0, 10.0, 70.0])
def test_one_cause_at_any_time_is_a_false_alarm_of_a_healthy_service(at: float) -> None:
    found = verdict("healthy", (-15, "None"), (at, "CPU"), (at + 1, "None"))
    assert not found.right
    assert found.false_alarms == ("CPU",)


def test_a_healthy_service_that_stays_unknown_is_not_called_healthy() -> None:
    found = verdict("healthy", (-15, "Unknown"))
    assert not found.right
    assert not found.false_alarms


RIGHT = [
    judge(case, [Sighting(seconds=1, factor=case.factors[0], runner_up=case.factors[-1])], INTERVAL) for case in CASES
]


def without(*names: str) -> list[Verdict]:
    """All right but these, of which nothing was seen."""
    return [judge(each.case, [], INTERVAL) if each.case.name in names else each for each in RIGHT]


@pytest.mark.parametrize(
    ("verdicts", "well"),
    [
        (RIGHT, True),
        (without("memory"), True),
        (without("memory", "cpu"), False),
        ([verdict("healthy", (1, "CPU")), *RIGHT[1:]], False),
    ],
    ids=["all", "one missed", "two missed", "false alarm"],
)
def test_one_may_be_missed_but_no_alarm_be_false(verdicts: list[Verdict], *, well: bool) -> None:
    assert passed(verdicts) is well


FACTORS = st.sampled_from(["None", "Unknown", "CPU", "Database", "ThreadPool"])
SIGHTINGS = st.lists(st.builds(Sighting, seconds=st.floats(-60, 80), factor=FACTORS), max_size=8)


@given(st.sampled_from(CASES), SIGHTINGS)
def test_what_is_right_was_named_within_three_cycles(case: Case, sightings: list[Sighting]) -> None:
    found = judge(case, sorted(sightings, key=lambda each: each.seconds), INTERVAL)
    assert found.right is (found.cycles is not None)
    if found.cycles is not None:
        assert 1 <= found.cycles <= 3
        assert found.named is not None
        assert found.named.factor in case.factors
    assert not (found.right and found.false_alarms)


def test_the_table_has_a_row_for_each_case_and_the_score() -> None:
    lines = table(without("cpu")).splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert len(rows) == len(CASES)
    assert all(row.count("|") == lines[0].count("|") for row in rows), "no cell breaks the table"
    assert "11 of 12 right." in lines
    (cpu,) = (row for row in rows if row.startswith("| `cpu`"))
    assert cpu.endswith("| missed: is CPU |")


def test_evidence_cannot_break_the_table() -> None:
    evidence = "a | b\nc"
    found = judge(case_of("cpu"), [Sighting(seconds=1, factor="CPU", evidence=evidence)], INTERVAL)
    *_, row, _, _ = table([found]).splitlines()
    assert row.count("|") == table(RIGHT).splitlines()[0].count("|")


def test_a_false_alarm_is_called_one() -> None:
    assert "false alarm: CPU" in table([verdict("healthy", (1, "CPU"))])
