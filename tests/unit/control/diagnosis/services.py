"""Services as their metrics show them: complete, well, and broken only in what a test is about."""

import math
from dataclasses import replace
from typing import Any

from fastapi_tuning.api.status import History, LimitingFactor
from fastapi_tuning.control.cycle import tune
from fastapi_tuning.control.dependencies import sound
from fastapi_tuning.control.diagnosis.case import Case, Suspicion
from fastapi_tuning.control.diagnosis.diagnose import Diagnosis
from fastapi_tuning.control.estimate import estimate
from fastapi_tuning.control.observation import (
    BlockingCall,
    DatabasePool,
    Dependencies,
    LatencyBucket,
    Observation,
    OutboundPeer,
    PeerKind,
    PodTraffic,
    Traffic,
)
from tests.unit.control.builders import (
    NOW,
    ago,
    history,
    learned,
    pod_traffic,
    samples,
    spec,
    surroundings,
    traffic,
    workload,
)

MIB = 2**20
PRICES, POSTGRES = "prices.example:443", "postgres:5432"


def requests(late: float = 0.0, **changes: Any) -> Traffic:
    """100 requests/s over two pods; `late` is the share (0 to 1) that misses the objective of 500 ms."""
    plain = traffic(**changes)
    fast = (1 - late) * plain.requests_per_second
    buckets = (
        LatencyBucket(upper_seconds=0.5, requests_per_second=fast),
        LatencyBucket(upper_seconds=4.0, requests_per_second=plain.requests_per_second),
        LatencyBucket(upper_seconds=math.inf, requests_per_second=plain.requests_per_second),
    )
    return replace(plain, fast_per_second=fast, buckets=buckets)


def pods(*, count: int = 2, **changes: Any) -> tuple[PodTraffic, ...]:
    """Ready for ten minutes, all alike."""
    return tuple(pod_traffic(**{"pod": f"pod-{n}", "ready_seconds": 600.0, **changes}) for n in range(count))


def queueing(**changes: Any) -> tuple[PodTraffic, ...]:
    """All of 40 threads busy, 30 requests wait in each pod."""
    full = {"served_per_second": 80.0, "threads_busy": 40.0, "threads_waiting": 30.0}
    return pods(**{**full, "thread_seconds_per_request": 0.25, "cpu_cores": 0.1, **changes})


def peer(**changes: Any) -> OutboundPeer:
    """A call of 10 ms in each of 100 requests/s."""
    plain = OutboundPeer(
        kind=PeerKind.HTTP,
        peer=PRICES,
        calls_per_second=100.0,
        failed_per_second=0.0,
        seconds_per_second=1.0,
        in_flight=1.0,
    )
    return replace(plain, **changes)


def query(**changes: Any) -> OutboundPeer:
    return peer(**{"kind": PeerKind.DATABASE, "peer": POSTGRES, **changes})


def connections(**changes: Any) -> DatabasePool:
    """15 connections in each of two pods, few of them in use."""
    plain = DatabasePool(peer=POSTGRES, size=30.0, checked_out=2.0, waiting=0.0, wait_seconds_per_second=0.0)
    return replace(plain, **changes)


def dependencies(*entries: OutboundPeer | DatabasePool) -> Dependencies:
    return Dependencies(
        pools=tuple(entry for entry in entries if isinstance(entry, DatabasePool)),
        peers=tuple(entry for entry in entries if isinstance(entry, OutboundPeer)),
    )


def blocking(ratio: float, place: str = "app/prices.py:42 latest") -> BlockingCall:
    return BlockingCall(pod="pod-0", place=place, ratio=ratio)


WELL = dependencies(peer(), query(), connections())


def experienced(*, alone_seconds: float = 0.1, **fields: Any) -> History:
    """A history that knows what a request takes alone, 2 ms of it CPU, and that calls took 10 ms."""
    known = {
        "service_samples": samples((300, alone_seconds)),
        "cpu_samples": samples((120, 0.002)),
        "peers": [
            {"kind": PeerKind.HTTP, "peer": PRICES, "call_seconds": "0.01"},
            {"kind": PeerKind.DATABASE, "peer": POSTGRES, "call_seconds": "0.01"},
        ],
    }
    return history(**{"learned": learned(**known), "last_scale_up_time": ago(3600), **fields})


def observed(signals: Traffic | None = None, **changes: Any) -> Observation:
    """Workload changes among those of the observation."""
    own = {"dependencies": WELL, "blocking": None, **changes}
    beside = {key: own.pop(key) for key in ("dependencies", "blocking")}
    return Observation(
        time=NOW, workload=workload(**own), signals=requests(pods=pods()) if signals is None else signals, **beside
    )


def diagnosed(seen: Observation, past: History | None = None, **fields: Any) -> Diagnosis:
    """What the whole law says of it."""
    return tune(spec(**fields), seen, past or experienced(), surroundings()).diagnosis


def case(seen: Observation, past: History | None = None, **fields: Any) -> Case:
    wish, known = spec(**fields), past or experienced()
    assert isinstance(seen.signals, Traffic)
    return Case(
        now=NOW,
        spec=wish,
        workload=seen.workload,
        traffic=seen.signals,
        found=estimate(seen, seen.signals, wish.objectives, known),
        history=known,
        dependencies=sound(seen.dependencies),
        blocking=seen.blocking,
    )


def confidence(suspicion: Suspicion | None) -> float:
    return 0.0 if suspicion is None else suspicion.confidence


def factor(suspicion: Suspicion | None) -> LimitingFactor | None:
    return None if suspicion is None else suspicion.factor
