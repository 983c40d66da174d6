"""The judgement over a run of the demonstration."""

from dataclasses import replace

import pytest

from dev.demo.timeline import Moment, NothingMeasured, holds, seconds_to_objective, summary

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


def test_errors_alone_break_the_objective() -> None:
    failing = summary([replace(CALM, error_ratio=0.01)], 0.0, 10.0)

    assert not holds(failing, target_ratio=0.99, max_error_ratio=0.001)
    assert holds(summary([CALM], 0.0, 10.0), target_ratio=0.99, max_error_ratio=0.001)
