"""Knative's pod autoscaler against examples worked by hand from its algorithm, tick by tick."""

from dataclasses import dataclass, field

import pytest

from fastapi_tuning.simulate.autoscalers.hpa import ReplicaBounds
from fastapi_tuning.simulate.autoscalers.knative import KnativePodAutoscaler, KpaSettings
from tests.unit.simulate.autoscaler_views import pods, view

TICK_SECONDS = 2.0


@dataclass
class Revision:
    """Reports the given total concurrency, spread over its pods, and obeys at once."""

    replicas: int = 1
    settings: KpaSettings = field(default_factory=lambda: KpaSettings(target=10.0))
    bounds: ReplicaBounds = field(default_factory=lambda: ReplicaBounds(least=1, most=1000))
    now_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.scaler = KnativePodAutoscaler(self.settings, self.bounds)

    def tick(self, concurrency: float | None, times: int = 1) -> int:
        for _ in range(times):
            each = None if concurrency is None else concurrency / self.replicas
            seen = view(pods("concurrency", [each] * self.replicas), now_seconds=self.now_seconds)
            commanded = self.scaler(seen).replicas
            self.replicas = self.replicas if commanded is None else commanded
            self.now_seconds += TICK_SECONDS
        return self.replicas


def test_fifty_requests_in_flight_at_ten_per_pod_need_five_pods() -> None:
    assert Revision().tick(50.0) == 5


def test_the_default_aims_at_seventy_of_a_hundred_requests_per_pod() -> None:
    assert Revision(settings=KpaSettings()).tick(141.0) == 3


def test_the_stable_window_averages_a_minute() -> None:
    revision = Revision(replicas=1)

    revision.tick(10.0, times=15)
    assert revision.tick(15.0, times=15) == 2, "10 for half a minute and 15 for another: 12.5"


def test_twice_the_capacity_within_six_seconds_is_a_panic_that_does_not_wait_for_the_minute() -> None:
    revision = Revision(replicas=1)
    revision.tick(10.0, times=30)

    assert revision.tick(40.0) == 2, "mean of six seconds 20: twice what the pod should have"
    assert revision.tick(40.0) == 3, "30"
    assert revision.tick(40.0) == 4, "the minute would still say 2"


def test_below_twice_the_capacity_there_is_no_panic() -> None:
    revision = Revision(replicas=2)
    revision.tick(20.0, times=60)

    assert revision.tick(29.0, times=3) == 3, "20.45 over the minute, not yet the 29 of six seconds"


def test_a_panic_lasts_until_a_minute_has_passed_below_the_threshold_and_never_shrinks() -> None:
    revision = Revision(replicas=1)
    revision.tick(10.0, times=30)
    revision.tick(100.0, times=3)
    grown = revision.replicas

    assert revision.tick(10.0, times=28) == grown
    assert revision.tick(10.0, times=8) < grown


def test_outside_a_panic_half_of_the_ready_pods_may_go_each_tick() -> None:
    revision = Revision(replicas=64, settings=KpaSettings(target=10.0, stable_window_seconds=6.0))
    revision.tick(640.0, times=5)

    assert revision.tick(0.0) == 43, "the six seconds hold 640 twice and 0 once: 427 in flight"
    assert [revision.tick(0.0) for _ in range(6)] == [22, 11, 5, 2, 1, 1]


def test_growth_is_limited_by_its_rate_but_never_stuck() -> None:
    slow = KpaSettings(target=1.0, max_scale_up_rate=1.1)

    assert Revision(replicas=2, settings=slow).tick(30.0) == 3, "2.2 in whole pods"


def test_an_autoscaler_that_starts_over_several_pods_keeps_them_for_a_minute() -> None:
    revision = Revision(replicas=8)

    assert revision.tick(10.0, times=31) == 8
    assert revision.tick(10.0, times=4) < 8


def test_without_any_report_nothing_is_decided() -> None:
    assert Revision(replicas=5).tick(None, times=60) == 5


def test_pods_that_are_not_ready_neither_report_nor_count() -> None:
    scaler = KnativePodAutoscaler(KpaSettings(target=10.0), ReplicaBounds(least=1, most=100))
    starting = pods("concurrency", [10.0] * 3, ready=False)
    ready = pods("concurrency", [10.0])

    assert scaler(view((*ready, *starting), desired_replicas=4)).replicas == 1


@pytest.mark.parametrize(("concurrency", "replicas"), [(0.0, 2), (500.0, 6)])
def test_bounds_hold(concurrency: float, replicas: int) -> None:
    assert Revision(replicas=1, bounds=ReplicaBounds(least=2, most=6)).tick(concurrency, times=3) == replicas
