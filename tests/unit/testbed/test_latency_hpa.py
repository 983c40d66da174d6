"""The HPA for a cluster without a metrics API sees pods as the controller does, and wants what it would."""

from typing import Any

import pytest

from benchmarks.testbed.latency_hpa import view_of
from fastapi_tuning.simulate.autoscalers.hpa import HorizontalPodAutoscaler, ReplicaBounds
from fastapi_tuning.simulate.autoscalers.hpa_metrics import LatencyP99

CREATED, READY = "2026-11-24T10:00:00Z", "2026-11-24T10:00:05Z"


def pod(name: str, *, ready: bool = True, going: bool = False, seen: bool = True) -> dict[str, Any]:
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": READY}
    return {
        "metadata": {"name": name, "creationTimestamp": CREATED} | ({"deletionTimestamp": READY} if going else {}),
        "status": {"conditions": [{"type": "PodScheduled", "status": "True"}, condition]} if seen else {},
    }


def test_pods_that_are_going_are_left_out_and_unready_ones_are_not() -> None:
    pods = [pod("a"), pod("b", ready=False), pod("c", going=True), pod("d", seen=False)]
    view = view_of(now_seconds=0, desired_replicas=3, pods=pods, latency_p99_seconds=1.0)
    assert [(each.name, each.ready) for each in view.pods] == [("a", True), ("b", False), ("d", False)]
    ready, unready, unseen = view.pods
    assert ready.ready_since_seconds == ready.started_seconds + 5
    assert unready.ready_since_seconds is unseen.ready_since_seconds is None


@pytest.mark.parametrize(("p99", "wanted"), [(None, None), (0.5, None), (0.54, None), (1.0, 4), (30.0, 5)])
def test_a_latency_over_the_target_becomes_pods_up_to_the_bound(p99: float | None, wanted: int | None) -> None:
    autoscaler = HorizontalPodAutoscaler(LatencyP99(target_seconds=0.5), ReplicaBounds(least=1, most=5))
    pods = [pod("a"), pod("b")]
    view = view_of(now_seconds=1000, desired_replicas=2, pods=pods, latency_p99_seconds=p99)
    assert autoscaler(view).replicas == wanted
