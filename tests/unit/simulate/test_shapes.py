"""Load curves and traces."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.simulate.shapes import SHAPES, TraceError, arrivals, read_trace, scaled


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("seconds", [60, 3600])
def test_every_shape_has_its_length_and_its_peak(name: str, seconds: int) -> None:
    rates = SHAPES[name](seconds, 400.0, np.random.default_rng(3))
    assert len(rates) == seconds
    assert rates.min() >= 0
    assert rates.max() <= 400.0 + 1e-9
    assert rates.max() > 200.0 or name in ("noisy", "bursty")


def test_arrivals_are_poisson_within_the_second() -> None:
    times, counts = arrivals(np.full(2000, 50.0), np.random.default_rng(1))
    assert counts.mean() == pytest.approx(50.0, rel=0.02)
    assert counts.var() == pytest.approx(50.0, rel=0.1)
    gaps = np.diff(times)
    assert gaps.min() >= 0
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)


@given(st.lists(st.floats(0.0, 200.0), min_size=1, max_size=20), st.integers(0, 1000))
def test_arrivals_are_sorted_and_in_their_second(rates: list[float], seed: int) -> None:
    times, counts = arrivals(np.array(rates), np.random.default_rng(seed))
    assert (np.diff(times) >= 0).all()
    np.testing.assert_array_equal(np.bincount(times.astype(int), minlength=len(rates)), counts)


def test_a_trace_is_one_number_a_line(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("10\n20.5\n\n0\n")
    np.testing.assert_array_equal(read_trace(trace), [10.0, 20.5, 0.0])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("10\nten\n", "line 2: 'ten'"),
        ("-1\n", "line 1"),
        ("nan\n", "line 1"),
        ("1e9\n", "line 1"),
        ("\n", "no numbers"),
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text(text)
    with pytest.raises(TraceError, match=complaint):
        read_trace(trace)


def test_a_trace_is_scaled_to_a_peak() -> None:
    np.testing.assert_allclose(scaled(np.array([1.0, 4.0, 2.0]), 100.0), [25.0, 100.0, 50.0])
    np.testing.assert_array_equal(scaled(np.zeros(3), 100.0), np.zeros(3))
