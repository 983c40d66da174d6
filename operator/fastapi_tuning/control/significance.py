"""When is a count of bad requests evidence, and when is it luck?

Bad requests are counted, so under the objective their number is close to Poisson. A count is significant when the
objective alone would give as many in at most one window of twenty.
"""

import math

_CONFIDENCE = 0.95
_EXACT_UP_TO = 500.0
_NORMAL_QUANTILE = 1.645
"""One-sided 95 % point of the standard normal distribution."""


def significant_count(expected: float) -> int:
    """Least number of bad requests that is significant when `expected` are allowed.

    Exact Poisson tail; above 500 expected the normal approximation with continuity correction, which is then
    within one request. Expected 1, 3, 6, 15, 30 give 4, 7, 11, 23, 40.
    """
    if expected > _EXACT_UP_TO:
        return math.ceil(expected + _NORMAL_QUANTILE * math.sqrt(expected) + 0.5)
    count, term = 0, math.exp(-expected)
    below = term
    while below < _CONFIDENCE:
        count += 1
        term *= expected / count
        below += term
    return count + 1


def exceeds(*, bad: float, total: float, allowed_ratio: float) -> bool:
    """Whether `bad` of `total` requests is significantly more than `allowed_ratio` (0 to 1) of them."""
    expected = total * allowed_ratio
    return bad > expected and bad >= significant_count(expected)
