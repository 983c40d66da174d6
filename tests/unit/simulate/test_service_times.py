"""Distributions, and how they are written."""

import numpy as np
import pytest

from fastapi_tuning.simulate.service_times import (
    Constant,
    Exponential,
    Lognormal,
    Pareto,
    ServiceTime,
    ServiceTimeError,
    parse_service_time,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("250ms", Constant(seconds=0.25)),
        ("1.5s", Constant(seconds=1.5)),
        ("0ms", Constant(seconds=0.0)),
        ("120us", Constant(seconds=0.00012)),
        ("exponential:50ms", Exponential(mean_seconds=0.05)),
        ("lognormal:50ms:0.5", Lognormal(median_seconds=0.05, sigma=0.5)),
        ("pareto:20ms:1.5", Pareto(least_seconds=0.02, alpha=1.5)),
    ],
)
def test_service_times_are_read(text: str, meant: ServiceTime) -> None:
    assert parse_service_time(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "250",
        "ms",
        "-5ms",
        "lognormal:50ms",
        "lognormal:0ms:1",
        "pareto:20ms:nan",
        "normal:50ms:1",
        "lognormal:5ms:x",
    ],
)
def test_what_is_no_service_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ServiceTimeError, match=r"write for example|must be above 0|is no number"):
        parse_service_time(text)


@pytest.mark.parametrize(
    "distribution",
    [
        Constant(seconds=0.25),
        Exponential(mean_seconds=0.05),
        Lognormal(median_seconds=0.05, sigma=0.5),
        Pareto(least_seconds=0.02, alpha=2.5),
        Pareto(least_seconds=0.02, alpha=1.0),
    ],
)
def test_samples_have_the_mean_that_is_promised(distribution: ServiceTime) -> None:
    samples = distribution.sample(np.random.default_rng(1), 1_000_000)
    assert samples.mean() == pytest.approx(distribution.mean_seconds, rel=0.02)
