"""Values for tests of the core: complete, unremarkable, and changed only in what a test is about."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, MetricsSource, Mode
from fastapi_tuning.api.status import EvidenceSlot, History, Learned, ReplicaNeed, Sample, Settings
from fastapi_tuning.api.via import ReplicasVia
from fastapi_tuning.control.autoscaler import Autoscaler
from fastapi_tuning.control.burn import ErrorBudget, Evidence
from fastapi_tuning.control.capacity import PodCapacity
from fastapi_tuning.control.cycle import Surroundings
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.foreign_owner import ForeignOwner
from fastapi_tuning.control.guards.verdict import Context
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import (
    LatencyBucket,
    LaunchForm,
    NoData,
    Observation,
    PodTraffic,
    Traffic,
    Workload,
)
from fastapi_tuning.control.stops import Stop

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NO_DATA = NoData(reason=Reason.PROMETHEUS_UNREACHABLE, message="connection refused")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def spec(**fields: Any) -> FastAPITuningSpec:
    """Mode Auto, 1 to 20 replicas; fields in JSON or Python names."""
    return FastAPITuningSpec.model_validate(
        {"target_ref": {"name": "checkout"}, "mode": Mode.AUTO, "replicas": {"min": 1, "max": 20}, **fields}
    )


def launch(**changes: Any) -> LaunchForm:
    plain = LaunchForm(
        server="uvicorn", workers=1, workers_from="default", worker_variables=("UVICORN_WORKERS",), settings=()
    )
    return replace(plain, **changes)


def workload(**changes: Any) -> Workload:
    """Two pods, both ready; `ready_replicas` follows `desired_replicas` unless given."""
    plain = Workload(
        uid="w",
        template_hash="one",
        container="app",
        desired_replicas=2,
        ready_replicas=changes.get("desired_replicas", 2),
        scale_resource_version="1",
        rollout_in_progress=False,
        launch=launch(),
        cpu_limit_cores=None,
    )
    return replace(plain, **changes)


def pod_traffic(**changes: Any) -> PodTraffic:
    """A request takes 100 ms alone, 2 ms of them CPU; a tenth of a core in use stretches those by a ninth."""
    plain = PodTraffic(
        pod="pod-0",
        served_per_second=50.0,
        cpu_cores=0.1,
        threads=40,
        threads_busy=5.0,
        threads_waiting=0.0,
        thread_seconds_per_request=0.1 + 0.002 / 9,
    )
    return replace(plain, **changes)


def traffic(**changes: Any) -> Traffic:
    """100 requests/s, all fast, over two pods."""
    rate = changes.get("requests_per_second", 100.0)
    plain = Traffic(
        source=MetricsSource.FASTAPI_INSTRUMENTATOR,
        window_seconds=60,
        requests_per_second=rate,
        failed_per_second=0.0,
        fast_per_second=rate,
        edge_seconds=0.5,
        average_latency_seconds=0.1,
        buckets=(
            LatencyBucket(upper_seconds=0.5, requests_per_second=rate),
            LatencyBucket(upper_seconds=math.inf, requests_per_second=rate),
        ),
        pods=(pod_traffic(), pod_traffic(pod="pod-1")),
        queue_growth_per_second=0.0,
        scraped_pods=2,
    )
    return replace(plain, **changes)


def observation(**changes: Any) -> Observation:
    return replace(Observation(time=NOW, workload=workload(), signals=traffic()), **changes)


def needs(*seconds_ago_and_replicas: tuple[float, int]) -> tuple[ReplicaNeed, ...]:
    return tuple(ReplicaNeed(time=ago(seconds), replicas=count) for seconds, count in seconds_ago_and_replicas)


def history(**fields: Any) -> History:
    """Watched for an hour without any move; a pod of template "one" was seen to carry 400 requests/s."""
    quiet = {"observed_since": ago(3600), "last_observation_time": ago(15), "settled_since": ago(3600)}
    return History(**{**quiet, "learned": learned(), **fields})


def learned(**fields: Any) -> Learned:
    return Learned(**{"template_hash": "one", "proven_per_second": "400", **fields})


def samples(*seconds_ago_and_values: tuple[float, float]) -> tuple[Sample, ...]:
    return tuple(Sample(time=ago(seconds), value=f"{value:g}") for seconds, value in seconds_ago_and_values)


def slots(*seconds_ago_and_counts: tuple[float, float, float, float]) -> tuple[EvidenceSlot, ...]:
    """(seconds ago, requests, late, failed)"""
    return tuple(
        EvidenceSlot(time=ago(seconds), requests=f"{requests:g}", late=f"{late:g}", failed=f"{failed:g}")
        for seconds, requests, late, failed in seconds_ago_and_counts
    )


def surroundings(**changes: Any) -> Surroundings:
    return replace(Surroundings(applied=Settings()), **changes)


def foreign_owner(**changes: Any) -> ForeignOwner:
    """A HorizontalPodAutoscaler on the target."""
    plain = ForeignOwner(
        reason=Reason.ANOTHER_AUTOSCALER,
        field="spec.replicas",
        owner="HorizontalPodAutoscaler checkout-hpa",
        knobs=(Knob.REPLICAS,),
    )
    return replace(plain, **changes)


def autoscaler(floor: int | None = 2, ceiling: int | None = 10, **changes: Any) -> Autoscaler:
    """A HorizontalPodAutoscaler of the target, whose bounds nobody states for good."""
    plain = Autoscaler(
        kind=ReplicasVia.HORIZONTAL_POD_AUTOSCALER,
        name="checkout",
        uid="a",
        resource_version="7",
        stated_floor=floor,
        stated_ceiling=ceiling,
    )
    return replace(plain, **changes)


def stop(until: datetime, **changes: Any) -> Stop:
    """A pause of everything."""
    plain = Stop(reason=Reason.PAUSED, until=until, direction=Direction.BOTH, cause="paused by annotation")
    return replace(plain, **changes)


def context(**changes: Any) -> Context:
    plain = Context(
        now=NOW, observation=observation(), spec=spec(), history=history(), mode=Mode.AUTO, estimate=estimate()
    )
    return replace(plain, **changes)


def proposal(current: int | None = 2, wanted: int = 4, **changes: Any) -> Proposal:
    plain = Proposal(knob=Knob.REPLICAS, current=current, wanted=wanted, reason=Reason.DEMAND_ROSE, message="because")
    return replace(plain, **changes)


def capacity(**changes: Any) -> PodCapacity:
    """A pod that carries 100 requests/s by its threads; its CPU is not known."""
    plain = PodCapacity(
        service_seconds=0.1,
        service_tail_seconds=None,
        cpu_seconds_per_request=None,
        threads=40,
        thread_safe_per_second=100.0,
        cpu_safe_per_second=None,
        thread_saturated_per_second=400.0,
        cpu_saturated_per_second=None,
        proven_per_second=100.0,
    )
    return replace(plain, **changes)


NOTHING_BAD = Evidence(requests=6000.0, late=0.0, failed=0.0)
ALL_LATE = Evidence(requests=6000.0, late=6000.0, failed=0.0)


def budget(**windows: Evidence) -> ErrorBudget:
    """Nothing bad for an hour."""
    return ErrorBudget(**{"five_minutes": NOTHING_BAD, "half_hour": NOTHING_BAD, "hour": NOTHING_BAD, **windows})


def estimate(**changes: Any) -> Estimate:
    """`served` and `expected` follow `offered_per_second` unless given; two pods share it evenly."""
    offered = changes.get("offered_per_second", 100.0)
    plain = Estimate(
        offered_per_second=offered,
        served_per_second=offered,
        expected_per_second=offered,
        requests_in_window=6000.0,
        bad_ratio=0.0,
        error_ratio=0.0,
        verdict=Verdict.MET,
        budget=budget(),
        latency_percentile_seconds=0.2,
        unevenness=0.0,
        busiest_per_second=changes.get("served_per_second", offered) / 2,
        capacity=capacity(),
    )
    return replace(plain, **changes)


MISSED = estimate(verdict=Verdict.MISSED, bad_ratio=0.05)
