"""Pods are counted whatever their state, and the load lasts as long as it is watched."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.testbed.shared_database import (
    BUDGET,
    CONNECTIONS_PER_POD,
    RATES,
    Hour,
    Moment,
    pods_of,
    profile,
    report,
)
from fastapi_tuning.load.profile import parse_profile


def pod(namespace: str, phase: str = "Running", *, going: bool = False) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace} | ({"deletionTimestamp": "2026-11-24T10:00:00Z"} if going else {}),
        "status": {"phase": phase},
    }


def hour(*pods: tuple[int, int]) -> Hour:
    moments = tuple(Moment(seconds=second, pods=count) for second, count in enumerate(pods))
    return Hour(moments=moments, failed_ratios=(0.0, None))


def test_pods_that_start_and_pods_that_go_count_and_those_that_ended_do_not() -> None:
    pods = [pod("a"), pod("a", "Pending"), pod("a", going=True), pod("a", "Failed"), pod("b"), pod("elsewhere")]
    assert pods_of(["a", "b"], pods) == (3, 1)


@given(st.sampled_from(RATES), st.integers(1, 60))
def test_the_load_lasts_as_long_as_it_is_asked_for(rates: tuple[int, ...], minutes: int) -> None:
    found = parse_profile(profile(rates, minutes))
    assert found.duration_seconds == minutes * 60
    assert {phase.start_rate for phase in found.phases} <= set(rates)


def test_together_they_want_more_than_there_is() -> None:
    pods = [sum(rates) * CONNECTIONS_PER_POD / 10 for rates in zip(*RATES, strict=True)]
    assert max(pods) > BUDGET


def test_one_second_over_the_budget_is_too_much() -> None:
    at_budget = BUDGET // CONNECTIONS_PER_POD
    assert hour((1, 1), (4, at_budget - 4)).passed
    assert not hour((1, 1), (4, at_budget - 3), (1, 1)).passed


def test_the_report_names_the_most_there_was() -> None:
    text = report(hour((1, 1), (4, 5)))
    assert f"| most connections that the pods could open | {9 * CONNECTIONS_PER_POD} |" in text
    assert "| errors and timeouts | 0.0%, — |" in text
