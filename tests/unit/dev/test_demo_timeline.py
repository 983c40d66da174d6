"""The judgement over a run of the demonstration."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from dev.demo.__main__ import judge
from dev.demo.timeline import (
    MAX_GAP_SECONDS,
    Moment,
    NothingMeasured,
    measured_share,
    seconds_to_objective,
    shortcomings,
    summary,
)
from fastapi_tuning.load.profile import parse_profile

DUE_PER_SECOND = 200.0

CALM = Moment(
    seconds=0.0,
    offered_per_second=100.0,
    latency_p99_seconds=0.3,
    fast_ratio=1.0,
    error_ratio=0.0,
    replicas=1,
    ready_replicas=1,
    threads=40,
    limiting_factor="None",
    decision="",
)


def run(*fast_ratios: float) -> list[Moment]:
    """One moment every ten seconds."""
    return [replace(CALM, seconds=10.0 * index, fast_ratio=ratio) for index, ratio in enumerate(fast_ratios)]


def test_counts_from_the_load_step_to_the_moment_after_which_the_objective_always_held() -> None:
    assert seconds_to_objective(run(1.0, 0.2, 0.995, 0.5, 0.99, 1.0), step_seconds=10.0, target_ratio=0.99) == 30.0


def test_knows_no_such_moment_when_the_run_ends_badly() -> None:
    assert seconds_to_objective(run(1.0, 1.0, 0.5), step_seconds=0.0, target_ratio=0.99) is None


def test_a_stretch_without_traffic_is_no_success() -> None:
    silent = [replace(CALM, latency_p99_seconds=None)]

    with pytest.raises(NothingMeasured):
        summary(silent, 0.0, 10.0)


def test_a_moment_that_knows_no_error_ratio_is_no_moment_without_errors() -> None:
    with pytest.raises(NothingMeasured):
        summary([replace(CALM, error_ratio=None)], 0.0, 10.0)


def test_a_run_that_was_measured_throughout_and_met_the_objective_has_no_shortcomings() -> None:
    assert judged(steady()) == []


def test_errors_alone_break_the_objective() -> None:
    (found,) = judged([replace(moment, error_ratio=0.01) for moment in steady()])
    assert "1.00% were errors" in found


def test_slow_answers_alone_break_the_objective() -> None:
    (found,) = judged([replace(moment, fast_ratio=0.5) for moment in steady()])
    assert "50.00% were within the objective" in found


def test_load_that_dies_before_the_end_is_no_success_however_fast_its_last_answers_were() -> None:
    alive = [moment for moment in steady() if moment.seconds < 245]
    silent = [
        replace(moment, offered_per_second=None, latency_p99_seconds=None, fast_ratio=None, error_ratio=None)
        for moment in steady()
        if moment.seconds >= 245
    ]
    (found,) = judged([*alive, *silent])
    assert "only" in found


@pytest.mark.parametrize("offered", [20.0, 179.0, 221.0, 400.0])
def test_load_that_is_not_the_profiles_is_no_success(offered: float) -> None:
    (found,) = judged([replace(moment, offered_per_second=offered) for moment in steady()])
    assert f"offered were {offered:.0f} requests/s of {DUE_PER_SECOND:.0f}" in found


@pytest.mark.parametrize("offered", [182.0, 198.0, 218.0])
def test_load_about_the_profiles_is_what_it_should_be(offered: float) -> None:
    assert judged([replace(moment, offered_per_second=offered) for moment in steady()]) == []


def test_samples_that_come_slowly_still_cover_the_time() -> None:
    assert judged(steady(period_seconds=9.0)) == []


def test_a_moment_speaks_for_no_more_than_a_gap_before_it() -> None:
    moments = [replace(CALM, seconds=seconds) for seconds in (0.0, 5.0, 95.0)]
    assert measured_share(moments, 0.0, 100.0) == pytest.approx((5.0 + MAX_GAP_SECONDS) / 100.0)


def test_without_moments_nothing_is_measured() -> None:
    assert measured_share([], 0.0, 100.0) == 0.0


@pytest.mark.parametrize(
    ("lasts_seconds", "exit_code"),
    [
        pytest.param(300.0, 0, id="to the end"),
        pytest.param(245.0, 1, id="not to the end"),
        pytest.param(0.0, 1, id="never began"),
    ],
)
def test_the_exit_code_is_that_of_a_success_only_if_the_load_lasted(
    lasts_seconds: float, exit_code: int, tmp_path: Path
) -> None:
    profile = parse_profile(f"40s@{DUE_PER_SECOND:g},300s@{DUE_PER_SECOND:g}")
    moments = [moment for moment in steady() if moment.seconds < lasts_seconds]

    assert judge(Console(quiet=True), moments, profile, tmp_path / "demo") == exit_code


def steady(*, period_seconds: float = 3.0) -> list[Moment]:
    """Five minutes within the objective, at the load that is due."""
    count = int(300 / period_seconds)
    return [replace(CALM, seconds=index * period_seconds, offered_per_second=DUE_PER_SECOND) for index in range(count)]


def judged(moments: list[Moment]) -> list[str]:
    """What is found about the last minute of five."""
    return shortcomings(
        moments, 240.0, 300.0, due_per_second=lambda seconds: DUE_PER_SECOND, target_ratio=0.99, max_error_ratio=0.001
    )
