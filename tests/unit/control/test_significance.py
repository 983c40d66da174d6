"""A count is evidence only when chance does not explain it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.control.significance import exceeds, rose, significant_count


def poisson_tail(count: int, expected: float) -> float:
    """P(X >= count), by the definition."""
    return 1 - sum(math.exp(-expected + k * math.log(expected) - math.lgamma(k + 1)) for k in range(count))


@given(st.floats(min_value=0.01, max_value=499))
def test_the_least_significant_count_is_the_first_that_chance_gives_in_under_one_of_twenty(
    expected: float,
) -> None:
    count = significant_count(expected)

    assert poisson_tail(count, expected) <= 0.05 + 1e-9
    assert poisson_tail(count - 1, expected) > 0.05 - 1e-9


@pytest.mark.parametrize("expected", [501.0, 5_000.0, 1_000_000.0])
def test_the_approximation_for_large_counts_stays_within_a_hundredth_of_a_deviation_of_exact(
    expected: float,
) -> None:
    deviations = (significant_count(expected) - expected) / math.sqrt(expected)

    assert 1.645 <= deviations < 1.75


def test_one_percent_bad_is_no_evidence_against_one_percent() -> None:
    assert not exceeds(bad=10, total=1000, allowed_ratio=0.01)


def test_a_single_failure_is_evidence_only_when_almost_none_are_allowed() -> None:
    assert exceeds(bad=1, total=10, allowed_ratio=0.001)
    assert not exceeds(bad=1, total=100, allowed_ratio=0.01)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_more_allowed_never_makes_a_count_more_significant(left: float, right: float) -> None:
    low, high = sorted((left, right))

    assert significant_count(low) <= significant_count(high)


def binomial_tail(least: int, trials: int, probability: float) -> float:
    """P(X >= least), by the definition."""
    return sum(
        math.comb(trials, hits) * probability**hits * (1 - probability) ** (trials - hits)
        for hits in range(least, trials + 1)
    )


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.1, 10))
def test_a_rise_is_significant_when_chance_gives_it_in_one_of_a_thousand(
    before: int, after: int, times_as_long: float
) -> None:
    found = rose(before=before, before_total=times_as_long, after=after, after_total=1.0)
    chance = binomial_tail(after, before + after, 1 / (1 + times_as_long)) if after else 1.0

    assert found == (chance <= 0.001) or chance == pytest.approx(0.001, rel=1e-6)


def test_many_are_compared_as_few_are() -> None:
    def first_significant(before: int) -> int:
        grown = range(before, 2 * before)
        return next(each for each in grown if rose(before=before, before_total=1, after=each, after_total=1))

    few, many = first_significant(200), first_significant(230)
    assert few + 200 <= 500 < many + 230, "on both sides of where the approximation begins"
    assert (few - 200) / math.sqrt(few + 200) == pytest.approx((many - 230) / math.sqrt(many + 230), rel=0.03)


def test_nothing_rises_from_or_to_what_was_not_looked_at() -> None:
    assert not rose(before=0, before_total=0, after=9, after_total=9)
    assert not rose(before=0, before_total=9, after=0, after_total=0)


def test_absurd_counts_are_compared_all_the_same() -> None:
    assert rose(before=1e308, before_total=1e308, after=1e308, after_total=1.0)
    assert rose(before=0.0, before_total=1e308, after=5.0, after_total=1e-20)
    assert not rose(before=0.0, before_total=1e-20, after=1e308, after_total=1e308)
