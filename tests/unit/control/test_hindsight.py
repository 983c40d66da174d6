"""A clock that was set back: what was written down is not waited for until the clock has caught up."""

from datetime import timedelta

import pytest

from fastapi_tuning.api.status import Experiment, Growth, History
from fastapi_tuning.control.hindsight import hindsight
from tests.unit.control.builders import NOW, ago, history, learned, needs, samples, slots
from tests.unit.control.undos import taken_back, undo, watched

HOUR = timedelta(hours=1)
EARLIER = NOW - HOUR


def test_a_memory_of_the_past_is_left_as_it_is() -> None:
    assert hindsight(history(), NOW) == history()


def test_a_nudge_of_the_clock_is_none() -> None:
    written = history(last_observation_time=NOW)

    assert hindsight(written, NOW - timedelta(seconds=1)) is written


@pytest.mark.parametrize("last", ["last_observation_time", "last_scale_up_time", "last_rollout_time"])
def test_the_watch_begins_anew_whatever_shows_that_the_clock_was_set_back(last: str) -> None:
    found = hindsight(history(**{last: NOW}), EARLIER)

    assert found.observed_since is None
    assert found.last_observation_time is None
    assert found.settled_since is None


def of_noon(**fields: object) -> History:
    return hindsight(history(**{"last_observation_time": NOW, **fields}), EARLIER)


def test_waits_last_their_own_length_and_no_longer() -> None:
    found = of_noon(
        last_scale_down_time=NOW,
        panic_until=NOW + timedelta(minutes=5),
        calm_until=NOW + HOUR,
        replica_growth=Growth(cap=4, backoff_seconds=600, frozen_until=NOW + timedelta(seconds=600)),
    )

    assert found.last_scale_down_time == EARLIER
    assert found.panic_until == EARLIER + timedelta(minutes=5)
    assert found.calm_until == NOW
    assert found.replica_growth.frozen_until == EARLIER + timedelta(seconds=600)


def test_what_was_needed_still_holds_and_what_was_measured_in_a_time_to_come_does_not() -> None:
    found = of_noon(
        needs=needs((7200, 3), (60, 9)),
        evidence=slots((7200, 500, 0, 0), (60, 500, 5, 0)),
        loads=samples((60, 80.0)),
        learned=learned(cpu_samples=samples((7200, 0.001), (60, 0.002))),
    )

    assert [(need.time, need.replicas) for need in found.needs] == [(ago(7200), 3), (EARLIER, 9)]
    assert found.evidence == slots((7200, 500, 0, 0))
    assert found.loads == ()
    assert found.learned.cpu_samples == samples((7200, 0.001))
    assert found.learned.proven_per_second == "400"


def test_an_experiment_that_begins_in_the_future_is_none() -> None:
    def begun(seconds_ago: float) -> Growth:
        experiment = Experiment(
            time=ago(seconds_ago), from_value=2, to_value=4, served_per_second="100", late_ratio="0.5"
        )
        return Growth(experiment=experiment)

    assert of_noon(replica_growth=begun(60)).replica_growth.experiment is None
    assert of_noon(replica_growth=begun(7200)).replica_growth == begun(7200)


def test_a_watch_over_a_move_ends_and_what_is_held_back_is_so_for_its_own_length() -> None:
    found = of_noon(
        undos=(undo(watch=watched(), taken_back=taken_back(), backoff_seconds=600), undo(watch=watched(time=ago(7200))))
    )

    held = taken_back(time=EARLIER, until=EARLIER + timedelta(seconds=600))
    assert found.undos == (undo(taken_back=held, backoff_seconds=600), undo())
