"""Burn rates over minutes and an hour, and the two gates that look at them."""

import pytest

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.control.burn import Evidence, error_budget, evidence_since, may_explore, may_scale_down
from tests.unit.control.builders import ALL_LATE, NOTHING_BAD, NOW, ago, budget, slots

OBJECTIVES = Objectives()


def bad(share: float) -> Evidence:
    return Evidence(requests=100_000.0, late=100_000.0 * share, failed=0.0)


def test_a_window_holds_every_slot_that_reaches_into_it() -> None:
    kept = slots((3000, 1000, 10, 1), (1900, 100, 5, 1), (440, 10, 1, 0), (100, 1, 0, 0))

    found = error_budget(kept, NOW)

    assert (found.five_minutes.requests, found.half_hour.requests, found.hour.requests) == (11, 111, 1111)
    assert (found.hour.late, found.hour.failed) == (16, 2)


def test_a_slot_whose_counts_cannot_be_read_counts_nothing() -> None:
    (slot,) = slots((10, 5, 1, 1))
    torn = slot.model_copy(update={"requests": "many", "late": "nan", "failed": ""})

    assert evidence_since((torn, slot), ago(60)) == Evidence(requests=5.0, late=1.0, failed=1.0)


def test_a_rate_burns_when_significantly_more_is_bad_than_it_allows() -> None:
    assert bad(0.02).burns(OBJECTIVES, 1.0)
    assert not bad(0.02).burns(OBJECTIVES, 2.0)
    assert Evidence(requests=10_000.0, late=0.0, failed=30.0).burns(OBJECTIVES, 1.0)


@pytest.mark.parametrize(
    ("window", "open_at", "closed_at"), [("five_minutes", 0.002, 0.003), ("half_hour", 0.009, 0.011)]
)
def test_scaling_down_is_allowed_at_a_quarter_of_the_rate_lately_and_the_rate_itself_over_half_an_hour(
    window: str, open_at: float, closed_at: float
) -> None:
    assert may_scale_down(budget(**{window: bad(open_at)}), OBJECTIVES)
    assert not may_scale_down(budget(**{window: bad(closed_at)}), OBJECTIVES)


def test_a_bad_half_hour_an_hour_ago_does_not_forbid_scaling_down() -> None:
    assert may_scale_down(budget(hour=ALL_LATE), OBJECTIVES)


@pytest.mark.parametrize("window", ["five_minutes", "hour"])
def test_exploring_is_allowed_while_the_budget_rate_is_not_exceeded(window: str) -> None:
    assert may_explore(budget(**{window: bad(0.009)}), OBJECTIVES)
    assert not may_explore(budget(**{window: bad(0.011)}), OBJECTIVES)


def test_a_single_late_request_at_night_closes_no_gate() -> None:
    night = budget(five_minutes=Evidence(requests=60.0, late=1.0, failed=0.0), half_hour=NOTHING_BAD)

    assert may_scale_down(night, OBJECTIVES)
