"""Profiles and arrival times: properties that hold for all of them."""

import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.load.arrivals import arrivals
from fastapi_tuning.load.profile import Phase, Profile, ProfileError, parse_profile

RATES = st.integers(0, 20_000).map(lambda hundredths: hundredths / 100)
PHASES = st.builds(
    Phase, duration_seconds=st.integers(1, 300).map(lambda tenths: tenths / 10), start_rate=RATES, end_rate=RATES
)
PROFILES = st.lists(PHASES, min_size=1, max_size=4).map(lambda phases: Profile(tuple(phases)))
SEEDS = st.integers(0, 2**32)


def phase(duration_seconds: float, start_rate: float, end_rate: float) -> Phase:
    return Phase(duration_seconds=duration_seconds, start_rate=start_rate, end_rate=end_rate)


@pytest.mark.parametrize(
    ("text", "phases"),
    [
        ("30s@40", (phase(30, 40, 40),)),
        ("30s@40,240s@200", (phase(30, 40, 40), phase(240, 200, 200))),
        ("60s@40..200", (phase(60, 40, 200),)),
        (" 1.5m@0.5 , 10s@0 ", (phase(90, 0.5, 0.5), phase(10, 0, 0))),
        ("60m@1", (phase(3600, 1, 1),)),
    ],
)
def test_reads(text: str, phases: tuple[Phase, ...]) -> None:
    assert parse_profile(text).phases == phases


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no phase"),
        ("30s", "no phase"),
        ("30@40", "no phase"),
        ("30s@-1", "no phase"),
        ("infs@1", "no phase"),
        ("1h@1", "no phase"),
        ("30s@40,", "no phase"),
        ("30s@1..2..3", "no phase"),
        ("٣s@1", "no phase"),
        ("0s@40", "no time"),
        ("1s@5001", "more than 5000"),
        ("1s@1..5001", "more than 5000"),
        ("61m@1", "at most 3600 s"),
        ("30m@1,30m@1,1s@1", "at most 3600 s"),
        ("9" * 400 + "s@1", "at most 3600 s"),
    ],
)
def test_refuses(text: str, complaint: str) -> None:
    with pytest.raises(ProfileError, match=complaint):
        parse_profile(text)


@given(PROFILES)
def test_a_profile_that_was_written_out_is_read_as_it_was(profile: Profile) -> None:
    assert parse_profile(",".join(str(phase) for phase in profile.phases)) == profile


def test_the_rate_follows_the_phases_and_is_zero_outside() -> None:
    profile = parse_profile("10s@40,10s@40..200")
    assert [profile.rate_at(seconds) for seconds in (-1, 0, 9.9, 10, 15, 20, 99)] == [0, 40, 40, 40, 120, 0, 0]


@given(PROFILES, SEEDS)
def test_arrivals_are_in_order_and_inside_their_phase(profile: Profile, seed: int) -> None:
    due = list(arrivals(profile, Random(seed)))
    assert all(earlier.at_seconds <= later.at_seconds for earlier, later in pairwise(due))
    for arrival in due:
        start = sum(phase.duration_seconds for phase in profile.phases[: arrival.phase])
        end = start + profile.phases[arrival.phase].duration_seconds
        assert start <= arrival.at_seconds <= end * (1 + 1e-12)


@given(PROFILES, SEEDS)
def test_the_same_seed_gives_the_same_arrivals(profile: Profile, seed: int) -> None:
    assert list(arrivals(profile, Random(seed))) == list(arrivals(profile, Random(seed)))


@given(PROFILES, SEEDS)
def test_the_number_of_arrivals_is_poisson_about_the_integral_of_the_rate(profile: Profile, seed: int) -> None:
    expected = sum((p.start_rate + p.end_rate) / 2 * p.duration_seconds for p in profile.phases)
    # Ten standard deviations, and room for the skew of small means: below one failure in 10^12 draws.
    assert abs(len(list(arrivals(profile, Random(seed)))) - expected) <= 10 * math.sqrt(expected) + 40


@given(SEEDS)
def test_a_ramp_from_zero_puts_a_quarter_of_its_requests_in_its_first_half(seed: int) -> None:
    due = [arrival.at_seconds for arrival in arrivals(parse_profile("20s@0..400"), Random(seed))]
    in_first_half = sum(seconds < 10 for seconds in due)
    assert abs(in_first_half - 1000) <= 10 * math.sqrt(1000)


@given(SEEDS)
def test_gaps_vary_as_much_as_their_mean(seed: int) -> None:
    """The mark of Poisson arrivals, and what an evenly paced generator lacks."""
    due = [arrival.at_seconds for arrival in arrivals(parse_profile("40s@100"), Random(seed))]
    gaps = [later - earlier for earlier, later in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert 0.8 < deviation / mean < 1.2
