"""Recommendation → command of the HorizontalPodAutoscaler: windows, policies and bounds over virtual time."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.simulate.autoscalers.hpa import HorizontalPodAutoscaler, ReplicaBounds
from fastapi_tuning.simulate.autoscalers.hpa_behaviour import (
    DEFAULT_BEHAVIOUR,
    Behaviour,
    Percent,
    Pods,
    Recommendation,
    ScaleEvent,
    ScalingRules,
    limit_rate,
    stabilise,
)
from fastapi_tuning.simulate.autoscalers.hpa_metrics import CpuUtilisation, ReadySince
from fastapi_tuning.simulate.autoscalers.keda import scaled_object
from fastapi_tuning.simulate.scaler import ClusterView
from tests.unit.simulate.autoscaler_views import pod, pods, view

WIDE = ReplicaBounds(least=1, most=100)


@dataclass
class Asked:
    """A metric that recommends what the test says."""

    wanted: int | None

    def replicas(self, view: ClusterView, ready_since: ReadySince) -> int | None:
        return self.wanted


@dataclass
class Cluster:
    """Applies what the autoscaler commands, every pod ready at once."""

    scaler: HorizontalPodAutoscaler
    replicas: int
    now_seconds: float = 0.0

    def sync(self) -> int:
        seen = view(pods("ready", [True] * self.replicas), now_seconds=self.now_seconds)
        commanded = self.scaler(seen).replicas
        self.replicas = self.replicas if commanded is None else commanded
        self.now_seconds += self.scaler.period_seconds
        return self.replicas


def allowed_up(current: int, *, now: float = 0.0, events: tuple[ScaleEvent, ...] = ()) -> int:
    return limit_rate(1000, current, now, events, DEFAULT_BEHAVIOUR)


@pytest.mark.parametrize(("current", "most"), [(1, 5), (3, 7), (4, 8), (5, 10), (20, 40)])
def test_a_sync_adds_four_pods_or_as_many_as_there_are(current: int, most: int) -> None:
    assert allowed_up(current) == most


def test_the_policies_count_from_the_start_of_their_period() -> None:
    added_six = ScaleEvent(seconds=0.0, added=6)

    assert allowed_up(16, now=14.0, events=(added_six,)) == 20, "10 pods at the start of the period, doubled"
    assert allowed_up(16, now=15.0, events=(added_six,)) == 32


def test_a_removal_within_the_period_does_not_lower_what_may_be_added() -> None:
    assert allowed_up(6, now=10.0, events=(ScaleEvent(seconds=0.0, added=-4),)) == 20


def test_all_pods_may_go_in_one_step_by_default() -> None:
    assert limit_rate(1, 40, 0.0, (), DEFAULT_BEHAVIOUR) == 1


def test_a_slow_policy_downward_leaves_the_rest() -> None:
    slow = Behaviour(
        up=DEFAULT_BEHAVIOUR.up,
        down=ScalingRules(
            stabilisation_seconds=0.0,
            policies=(Percent(value=10, period_seconds=60.0), Pods(value=2, period_seconds=60.0)),
        ),
    )

    assert limit_rate(1, 40, 0.0, (), slow) == 36, "a tenth of 40 is more than two pods"
    assert limit_rate(1, 36, 30.0, (ScaleEvent(seconds=0.0, added=-4),), slow) == 36
    assert limit_rate(1, 36, 60.0, (ScaleEvent(seconds=0.0, added=-4),), slow) == 32, "36 − 3.6, in whole pods"


def test_the_highest_recommendation_of_five_minutes_holds_on_the_way_down() -> None:
    past = (Recommendation(seconds=0.0, replicas=8), Recommendation(seconds=150.0, replicas=6))

    assert stabilise(2, 8, 299.0, past, DEFAULT_BEHAVIOUR) == 8
    assert stabilise(2, 8, 300.0, past, DEFAULT_BEHAVIOUR) == 6
    assert stabilise(2, 6, 450.0, past, DEFAULT_BEHAVIOUR) == 2


def test_a_window_upward_waits_for_the_lowest_recommendation() -> None:
    cautious = Behaviour(
        up=ScalingRules(stabilisation_seconds=60.0, policies=DEFAULT_BEHAVIOUR.up.policies),
        down=DEFAULT_BEHAVIOUR.down,
    )

    assert stabilise(9, 4, 30.0, (Recommendation(seconds=0.0, replicas=5),), cautious) == 5


@given(st.integers(1, 50), st.integers(1, 50), st.lists(st.tuples(st.floats(-600, 0), st.integers(1, 50))))
def test_stabilising_never_leaves_what_was_recommended_or_is_there(
    wanted: int, current: int, past: list[tuple[float, int]]
) -> None:
    recommendations = [Recommendation(seconds=seconds, replicas=replicas) for seconds, replicas in past]
    candidates = {wanted, current, *(replicas for _, replicas in past)}

    assert stabilise(wanted, current, 0.0, recommendations, DEFAULT_BEHAVIOUR) in candidates


def test_growth_follows_at_once_and_shrinking_five_minutes_after_the_last_need() -> None:
    metric = Asked(10)
    cluster = Cluster(HorizontalPodAutoscaler(metric, WIDE), replicas=3)

    assert [cluster.sync(), cluster.sync()] == [7, 10]
    metric.wanted = 2
    replicas = [cluster.sync() for _ in range(21)]
    assert replicas == [10] * 19 + [2, 2], "recommended at 15 s for the last time, gone at 315 s"


def test_the_replicas_at_the_start_count_as_the_first_recommendation() -> None:
    cluster = Cluster(HorizontalPodAutoscaler(Asked(1), WIDE), replicas=6)

    assert [cluster.sync() for _ in range(20)] == [6] * 20
    assert cluster.sync() == 1


def test_a_metric_that_cannot_be_had_moves_nothing() -> None:
    cluster = Cluster(HorizontalPodAutoscaler(Asked(None), WIDE), replicas=6)

    assert {cluster.sync() for _ in range(60)} == {6}


def test_bounds_hold_whatever_is_recommended() -> None:
    narrow = ReplicaBounds(least=2, most=5)

    assert Cluster(HorizontalPodAutoscaler(Asked(50), narrow), replicas=4).sync() == 5
    assert Cluster(HorizontalPodAutoscaler(Asked(5), narrow), replicas=9).sync() == 5
    assert Cluster(HorizontalPodAutoscaler(Asked(1), narrow), replicas=1).sync() == 2


def test_the_autoscaler_itself_notices_when_a_pod_became_ready() -> None:
    scaler = HorizontalPodAutoscaler(CpuUtilisation(target_percent=50), WIDE)
    busy = pods("cpu_cores", [0.9, 0.9])

    def after(now_seconds: float, *, ready: bool) -> int | None:
        young = pod("new", ready=ready, started_seconds=-10.0, cpu_cores=0.9)
        return scaler(view((*busy, young), now_seconds=now_seconds)).replicas

    assert after(0.0, ready=False) == 4, "180 / 300 = 60 %, / 50 % × 3 = 3.6"
    assert after(15.0, ready=True) == 4, "seen ready just now: its sample still covers the start"
    assert after(30.0, ready=True) == 6, "90 % / 50 % × 3 = 5.4"


def test_keda_asks_for_the_sum_over_the_threshold_through_the_hpas_brakes() -> None:
    scaler = scaled_object(50.0, WIDE)

    grown = scaler(view(pods("ready", [True] * 2), requests_per_second=900.0))

    assert grown.replicas == 6, "18 pods' worth of requests, four of them at a time"
