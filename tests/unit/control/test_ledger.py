"""What moves leave behind: times, experiments, and the settings that are ours."""

from datetime import timedelta

import pytest

from fastapi_tuning.api.replica_move import ReplicaMove
from fastapi_tuning.api.status import History, Settings
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.ledger import applied_after, history_after, original_after
from fastapi_tuning.control.observation import Delivery, Workload
from tests.unit.control.builders import MISSED, NOW, history, observation, workload


def test_settings_that_we_moved_are_ours() -> None:
    found = applied_after(Settings(threads=40), {Knob.REPLICAS: 3, Knob.TIMEOUT_KEEP_ALIVE: 30})

    assert found == Settings(threads=40, replicas=3, timeout_keep_alive_seconds=30)


def test_the_replicas_that_the_user_had_are_those_before_our_first_move_of_them() -> None:
    had = original_after(Settings(), Settings(), workload(desired_replicas=2), {Knob.REPLICAS: 5})
    assert had.replicas == 2
    assert original_after(had, Settings(replicas=5), workload(desired_replicas=5), {Knob.REPLICAS: 7}) == had
    assert original_after(Settings(), Settings(), workload(), {Knob.THREADS: 50}) == Settings()


def moved(moves: dict[Knob, int], past: History | None = None, target: Workload | None = None) -> History:
    seen = observation(workload=target or workload())
    return history_after(past or history(), seen, MISSED, moves)


def test_no_move_leaves_no_trace_but_the_replicas_as_they_were_left() -> None:
    assert moved({}) == history(replicas_left=2)


def test_a_step_up_starts_the_wait_and_an_experiment() -> None:
    found = moved({Knob.REPLICAS: 5})

    assert (found.last_scale_up_time, found.last_scale_down_time, found.settled_since) == (NOW, None, None)
    assert found.replica_moves == (ReplicaMove(time=NOW, change=3),)
    assert found.replica_growth.experiment is not None


def test_a_step_down_ends_the_experiment_even_in_silence() -> None:
    found = moved({Knob.REPLICAS: 1}, moved({Knob.REPLICAS: 5}))
    assert found.last_scale_down_time == NOW
    assert found.replica_growth.experiment is None

    up = moved({Knob.REPLICAS: 5})
    quiet = history_after(up, observation(workload=workload(desired_replicas=5)), None, {Knob.REPLICAS: 1})
    assert quiet.replica_growth.experiment is None


def test_moves_to_and_fro_start_an_hour_of_calm() -> None:
    past = history()
    for replicas, now in ((3, 2), (2, 3), (3, 2)):
        past = moved({Knob.REPLICAS: replicas}, past, workload(desired_replicas=now))
        assert past.calm_until is None
    past = moved({Knob.REPLICAS: 2}, past, workload(desired_replicas=3))

    assert past.calm_until == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("delivery", "knob", "live"),
    [
        (Delivery.LIVE, Knob.THREADS, True),
        (Delivery.LIVE, Knob.LIMIT_CONCURRENCY, True),
        (Delivery.LIVE, Knob.WORKERS, False),
        (Delivery.ROLLOUT, Knob.THREADS, False),
    ],
)
def test_a_setting_is_remembered_by_how_it_reached_the_pods(delivery: Delivery, knob: Knob, live: bool) -> None:
    found = moved({knob: 50}, target=workload(delivery=delivery))

    assert (found.last_setting_time, found.last_rollout_time) == ((NOW, None) if live else (None, NOW))
    assert found.settled_since is None


def test_more_threads_under_overload_are_an_experiment() -> None:
    found = moved({Knob.THREADS: 60}).thread_growth.experiment

    assert found is not None
    assert (found.from_value, found.to_value) == (40, 60)
    silent = history_after(history(), observation(), None, {Knob.THREADS: 60})
    assert silent.thread_growth.experiment is None


def test_a_worker_count_of_one_is_the_end_of_that_change() -> None:
    assert moved({Knob.WORKERS: 1}, history(pods_for_one_worker=8)).pods_for_one_worker is None
