"""A count is evidence only when chance does not explain it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.control.significance import exceeds, significant_count


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
