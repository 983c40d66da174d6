"""What becomes of pods: start-up, scale-down, and a rollout that never has too few of them."""

import numpy as np
import pytest

from fastapi_tuning.simulate.app import AppModel, Endpoint
from fastapi_tuning.simulate.run import Start
from fastapi_tuning.simulate.scaler import Command
from fastapi_tuning.simulate.service_times import Constant
from tests.unit.simulate.builders import Script, play, threaded


def app(startup_seconds: float = 10.0, wait_seconds: float = 0.05) -> AppModel:
    return threaded(Constant(seconds=wait_seconds), startup=Constant(seconds=startup_seconds))


def test_a_pod_costs_from_its_creation_and_serves_from_its_readiness() -> None:
    result = play(app(), 10.0, 60, scaler=Script({20: Command(replicas=3)}))
    created, ready = np.flatnonzero(result.pods_created == 3)[0], np.flatnonzero(result.pods_ready == 3)[0]
    assert (created, ready) == (21, 31)


def test_pods_that_end_finish_their_requests_and_are_paid_meanwhile() -> None:
    script = Script({20: Command(replicas=1)})
    result = play(app(wait_seconds=4.0), 5.0, 60, scaler=script, start=Start(replicas=2))
    assert result.pods_ready[22] == 1
    assert result.pods_created[22] == 2
    assert result.pods_created[30] == 1
    assert result.failed.sum() == 0


def test_the_youngest_pod_goes_first_and_one_that_starts_before_it() -> None:
    script = Script({10: Command(replicas=3), 25: Command(replicas=4), 30: Command(replicas=2)})
    play(app(), 10.0, 60, scaler=script, start=Start(replicas=1))
    assert [pod.name for pod in script.views[-1].pods] == ["pod-0", "pod-1"]


@pytest.mark.parametrize("replicas", [1, 4, 10])
def test_a_rollout_replaces_all_pods_and_never_has_fewer_ready_than_desired(replicas: int) -> None:
    script = Script({20: Command(restart_with_threads=60)}, period_seconds=1.0)
    result = play(app(), 10.0, 200, scaler=script, start=Start(replicas=replicas))
    assert result.pods_ready.min() == replicas
    assert result.pods_created.max() <= replicas + -(-replicas // 4) + replicas // 4 + 1
    during = [view for view in script.views if view.scraped.rollout_in_progress]
    assert during
    assert {pod.name for pod in script.views[0].pods} & {pod.name for pod in script.views[-1].pods} == set()
    assert script.views[0].scraped.template_hash != script.views[-1].scraped.template_hash
    assert not script.views[-1].scraped.rollout_in_progress


def test_only_commands_that_change_something_are_kept() -> None:
    script = Script({5: Command(replicas=1), 10: Command(replicas=2), 15: Command(threads=40)})
    result = play(app(), 10.0, 30, scaler=script)
    assert result.commands == ((10.0, Command(replicas=2)),)


def test_a_scaler_acts_on_whole_seconds() -> None:
    with pytest.raises(ValueError, match="period_seconds"):
        play(app(), 10.0, 30, scaler=Script(period_seconds=0.5))


def test_cpu_is_seen_once_the_metrics_server_has_two_samples() -> None:
    script = Script(period_seconds=5.0)
    computing = AppModel(endpoints=(Endpoint(cpu=Constant(seconds=0.005)),), framework_cpu_seconds=0.0)
    play(computing, 100.0, 60, scaler=script)
    cpu = {view.now_seconds: view.pods[0].cpu_cores for view in script.views}
    assert cpu[10.0] is None
    assert cpu[50.0] == pytest.approx(0.5, rel=0.15)


def test_a_pod_that_does_not_finish_its_requests_is_paid_for_no_longer_than_it_may_drain() -> None:
    script = Script({0: Command(replicas=1)})
    result = play(app(wait_seconds=1000.0), 5.0, 60, scaler=script, start=Start(replicas=2))
    assert result.pods_created[30] == 2
    assert result.pods_created[32] == 1
