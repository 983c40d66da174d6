"""What the experiments put together: contenders, services that change, loads, parts of our law taken away."""

import numpy as np
import pytest

from fastapi_tuning.api.status import History, Learned
from fastapi_tuning.control.observation import Traffic
from fastapi_tuning.simulate.app import AppModel, Endpoint, Later
from fastapi_tuning.simulate.autoscalers.hpa import ReplicaBounds
from fastapi_tuning.simulate.autoscalers.static import Static, Timetable
from fastapi_tuning.simulate.experiments.ablations import without_capacity, without_feedback
from fastapi_tuning.simulate.experiments.contenders import Family, PodCapacity, sweep
from fastapi_tuning.simulate.experiments.disturbances import AT_SECONDS, disturbances
from fastapi_tuning.simulate.experiments.loads import cases
from fastapi_tuning.simulate.experiments.services import IO_BOUND, MIXED, Service, heavier_endpoint, slower
from fastapi_tuning.simulate.experiments.trials import RUN_SECONDS
from fastapi_tuning.simulate.run import Start, run
from fastapi_tuning.simulate.scaler import Command, Run
from fastapi_tuning.simulate.service_times import Constant
from tests.unit.control.builders import NO_DATA, observation, pod_traffic, traffic
from tests.unit.simulate.autoscaler_views import pods, view

BOUNDS = ReplicaBounds(least=1, most=100)


@pytest.mark.parametrize("family", list(Family))
def test_a_sweep_goes_from_cautious_to_bold(family: Family) -> None:
    capacity = PodCapacity(threads=40, requests_per_second=10.0, in_flight=10.0)
    busy = view(
        pods("requests_per_second", [9.5] * 8, cpu_cores=0.6, concurrency=9.5),
        requests_per_second=76.0,
        latency_p99_seconds=0.65,
    )

    wanted = [contender.make()(busy).replicas or 8 for contender in sweep(family, capacity, BOUNDS, 1.0)]

    assert wanted == sorted(wanted, reverse=True)
    assert wanted[0] > wanted[-1]


def test_every_run_gets_an_autoscaler_of_its_own() -> None:
    capacity = PodCapacity(threads=40, requests_per_second=10.0, in_flight=10.0)

    for family in Family:
        contender = next(iter(sweep(family, capacity, BOUNDS, 1.0)))
        assert contender.make() is not contender.make()


def test_a_slower_version_stretches_every_endpoint() -> None:
    before, after = MIXED.app, slower(MIXED.app, 1.4)

    for old, new in zip(before.endpoints, after.endpoints, strict=True):
        assert new.cpu.mean_seconds == pytest.approx(1.4 * old.cpu.mean_seconds)
        assert new.wait.mean_seconds == pytest.approx(1.4 * old.wait.mean_seconds)


def test_one_heavier_endpoint_leaves_the_others_as_they_are() -> None:
    after = heavier_endpoint(MIXED.app, 2.0)

    assert after.endpoints[:-1] == MIXED.app.endpoints[:-1]
    assert after.endpoints[-1].cpu.mean_seconds == pytest.approx(2 * MIXED.app.endpoints[-1].cpu.mean_seconds)


@pytest.mark.parametrize("service", [IO_BOUND, MIXED], ids=lambda service: service.name)
def test_nothing_happens_before_a_disturbance_and_something_after_it(service: Service) -> None:
    for each in disturbances(service):
        before, after = each.rates[:AT_SECONDS], each.rates[AT_SECONDS:]

        assert np.all(before == before[0])
        assert each.later or after.max() > before[0]
        assert each.rates.max() <= service.peak_per_second


def test_every_service_meets_every_shape_and_the_trace() -> None:
    without, with_trace = list(cases(None)), list(cases(np.linspace(1.0, 50.0, 2 * RUN_SECONDS)))

    assert len(without) == 9
    assert len(with_trace) == 12
    assert len({each.name for each in with_trace}) == 12


def test_a_trace_is_cut_to_the_run_and_scaled_to_the_services_peak() -> None:
    for case in cases(np.linspace(1.0, 50.0, 2 * RUN_SECONDS)):
        if case.load == "trace":
            assert len(case.curve(1)) == RUN_SECONDS
            assert case.curve(1).max() == pytest.approx(case.service.peak_per_second)


def test_random_shapes_differ_by_seed_and_not_by_call() -> None:
    noisy = next(case for case in cases(None) if case.load == "noisy")

    assert np.array_equal(noisy.curve(1), noisy.curve(1))
    assert not np.array_equal(noisy.curve(1), noisy.curve(2))


def changing(*, new_version: bool) -> Run:
    """A tenth of a second a request, three tenths from the hundredth second on."""
    fast = AppModel(endpoints=(Endpoint(wait=Constant(seconds=0.1)),))
    slow = AppModel(endpoints=(Endpoint(wait=Constant(seconds=0.3)),))
    return run(
        app=fast,
        rates=np.full(200, 20.0),
        scaler=Static(replicas=4),
        start=Start(replicas=4),
        objective_seconds=0.5,
        seed=1,
        later=(Later(at_seconds=100, app=slow, new_version=new_version),),
    )


def test_requests_are_what_the_service_has_become_from_that_second_on() -> None:
    found = changing(new_version=False)
    before, after = found.arrival_second < 100, found.arrival_second >= 100

    assert np.nanmedian(found.latency_seconds[before]) == pytest.approx(0.1, abs=0.01)
    assert np.nanmedian(found.latency_seconds[after]) == pytest.approx(0.3, abs=0.01)


def test_a_new_version_is_rolled_out_and_a_shift_of_the_mix_is_not() -> None:
    assert changing(new_version=True).pods_created.max() > 4
    assert changing(new_version=False).pods_created.max() == 4


def test_a_timetable_is_followed_by_the_second() -> None:
    timetable = Timetable([(10.0, 2), (20.0, 5)])

    def asked(now_seconds: float) -> Command:
        return timetable(view(pods("ready", [True]), now_seconds=now_seconds))

    assert [asked(second).replicas for second in (0.0, 10.0, 19.0, 20.0, 99.0)] == [2, 2, 2, 5, 5]
    with pytest.raises(ValueError, match="order"):
        Timetable([(10.0, 2), (5.0, 3)])


def test_without_capacity_neither_cpu_nor_threads_are_seen_and_the_traffic_is() -> None:
    seen = observation(signals=traffic(pods=(pod_traffic(),)))

    blind = without_capacity(seen).signals

    assert isinstance(seen.signals, Traffic)
    assert isinstance(blind, Traffic)
    assert blind.requests_per_second == seen.signals.requests_per_second
    assert {(pod.cpu_cores, pod.threads, pod.threads_busy) for pod in blind.pods} == {(None, None, None)}
    assert without_capacity(observation(signals=NO_DATA)) == observation(signals=NO_DATA)


def test_without_feedback_the_trim_is_forgotten_and_nothing_else() -> None:
    history = History(learned=Learned(template_hash="one", feedback="0.4"), pods_for_one_worker=3)

    forgotten = without_feedback(history)

    assert float(forgotten.learned.feedback) == 0.0
    assert (forgotten.learned.template_hash, forgotten.pods_for_one_worker) == ("one", 3)
