"""When is a count of bad requests evidence, and when is it luck? And when are there more of them than before?

Bad requests are counted, so under the objective their number is close to Poisson. A count is significant when the
objective alone would give as many in at most one window of twenty.
"""

import math

_CONFIDENCE = 0.95
_EXACT_UP_TO = 500.0
_NORMAL_QUANTILE = 1.645
"""One-sided 95 % point of the standard normal distribution."""
_MOST_COUNTED, _LEAST_PROBABILITY = 1e15, 1e-300
"""Absurd numbers in a status must not end a cycle."""
_RISE_PROBABILITY = 0.001
_RISE_QUANTILE = 3.090
"""One-sided 99.9 % point: a rise is looked for in every cycle of a window, and a false one costs a move."""


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


def rose(*, before: float, before_total: float, after: float, after_total: float) -> bool:
    """Whether `after` in `after_total` is significantly more than `before` in `before_total`, one-sided 99.9 %.

    Totals are requests, seconds, or whatever the counts are rates of. If the rates were alike, each of the counted
    would be one of `after` with the probability after_total / (before_total + after_total): the conditional test of two
    Poisson counts (Przyborowski and Wilenski, Biometrika 31, 1940). Nothing rises from, or to, what was not looked at.
    Fractions are rounded against a rise.
    """
    if before_total <= 0 or after_total <= 0:
        return False
    probability = max(_LEAST_PROBABILITY, after_total / (before_total + after_total))
    count = math.floor(min(after, _MOST_COUNTED))
    counted = count + math.ceil(min(before, _MOST_COUNTED))
    expected = counted * probability
    if count <= expected:
        return False
    if counted > _EXACT_UP_TO:
        deviation = math.sqrt(expected * (1 - probability))
        return count >= expected + _RISE_QUANTILE * deviation + 0.5
    return _binomial_tail(count, counted, probability) <= _RISE_PROBABILITY


def _binomial_tail(least: int, trials: int, probability: float) -> float:
    """Probability of `least` successes or more; `probability` lies inside (0, 1)."""
    yes, no = math.log(probability), math.log1p(-probability)
    every = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(every - math.lgamma(hits + 1) - math.lgamma(trials - hits + 1) + hits * yes + (trials - hits) * no)
        for hits in range(least, trials + 1)
    )
