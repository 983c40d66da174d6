"""Failed requests are bad requests, in every figure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.load.tally import Outcome, Summary, Tally

FINISHED = st.lists(st.tuples(st.sampled_from(Outcome), st.floats(0, 20)), max_size=200)


def summary_of(*finished: tuple[Outcome, float], unfinished: int = 0) -> Summary:
    tally = Tally()
    for outcome, seconds in finished:
        tally.offered(0.001)
        tally.finished(outcome, seconds)
    for _ in range(unfinished):
        tally.offered(0.001)
    return tally.summary("30s@40", objective_seconds=0.5, seconds=30.0, cut_short=False)


def test_quantiles_are_those_of_the_nearest_rank() -> None:
    summary = summary_of(*((Outcome.OK, seconds / 100) for seconds in range(1, 101)))
    assert (summary.p50_seconds, summary.p99_seconds) == (0.50, 0.99)
    assert summary.share_within_objective == 0.5


def test_no_requests_have_no_figures() -> None:
    summary = summary_of()
    assert summary.offered == 0
    assert summary.p99_seconds is None
    assert summary.share_within_objective is None
    assert summary.generator_lag_max_seconds is None


def test_a_fast_error_is_not_a_fast_answer() -> None:
    summary = summary_of((Outcome.OK, 0.1), (Outcome.ERROR, 0.001))
    assert summary.share_within_objective == 0.5
    assert summary.p99_seconds is None
    assert summary.p50_seconds == 0.1


def test_a_request_that_never_finished_is_an_error() -> None:
    summary = summary_of((Outcome.OK, 0.1), unfinished=3)
    assert (summary.offered, summary.completed, summary.errors) == (4, 1, 3)


@given(FINISHED, st.integers(0, 20))
def test_every_offered_request_is_completed_or_an_error_or_a_timeout(
    finished: list[tuple[Outcome, float]], unfinished: int
) -> None:
    summary = summary_of(*finished, unfinished=unfinished)
    assert summary.completed + summary.errors + summary.timeouts == summary.offered


@given(FINISHED, st.sampled_from([Outcome.ERROR, Outcome.SHED, Outcome.TIMEOUT]))
def test_one_more_failure_never_makes_a_figure_better(finished: list[tuple[Outcome, float]], failure: Outcome) -> None:
    before, after = summary_of(*finished), summary_of(*finished, (failure, 0.0))
    if before.share_within_objective is not None and after.share_within_objective is not None:
        assert after.share_within_objective <= before.share_within_objective
    if after.p99_seconds is not None and before.p99_seconds is not None:
        assert after.p99_seconds >= before.p99_seconds


@pytest.mark.parametrize("unfinished", [0, 1])
def test_a_summary_is_plain_json(unfinished: int) -> None:
    as_json = summary_of((Outcome.OK, 0.123456789), unfinished=unfinished).as_json()
    assert as_json["p50_seconds"] == 0.123457
    assert as_json["phase"] == "30s@40"
