"""What a service does at a constant load with knobs that nobody moves: for comparison with a real one."""

from dataclasses import dataclass, field

import numpy as np

from fastapi_tuning.simulate.app import AppModel, ClusterModel
from fastapi_tuning.simulate.run import Start, replay, run
from fastapi_tuning.simulate.scaler import Command, FloatArray, Run, View

_WARM_UP_SECONDS = 30
_COOL_DOWN_SECONDS = 10
"""The load goes on after what is judged, so that requests are not cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Client side, warm-up excluded. Latencies are of requests that were answered or given up; NaN without any."""

    p50_seconds: float
    p99_seconds: float
    answered_per_second: float
    good_ratio: float
    shed_ratio: float
    failed_ratio: float
    cpu_cores_per_pod: float


@dataclass(slots=True)
class _Onlooker:
    """Moves nothing, and notes the CPU use of the pods."""

    from_seconds: float
    period_seconds: float = 15.0
    cpu_cores: list[float] = field(default_factory=list)

    def __call__(self, view: View) -> Command:
        if view.now_seconds > self.from_seconds:
            self.cpu_cores += [pod.cpu_cores for pod in view.pods if pod.cpu_cores is not None]
        return Command()


def steady(
    app: AppModel,
    *,
    requests_per_second: float,
    start: Start,
    objective_seconds: float,
    seconds: int = 300,
    seed: int = 1,
    cluster: ClusterModel | None = None,
) -> Steady:
    """Measure for `seconds` after a warm-up of 30 s."""
    cluster, onlooker = cluster or ClusterModel(), _Onlooker(_WARM_UP_SECONDS)
    end = _WARM_UP_SECONDS + seconds
    result = run(
        app=app,
        rates=np.full(end + _COOL_DOWN_SECONDS, requests_per_second),
        scaler=onlooker,
        start=start,
        objective_seconds=objective_seconds,
        seed=seed,
        cluster=cluster,
    )
    return _judged(result, onlooker, _WARM_UP_SECONDS, end, cluster)


def steady_with(
    app: AppModel, *, times: FloatArray, start: Start, objective_seconds: float, begin: int, end: int, seed: int = 1
) -> Steady:
    """As `steady`, with arrivals at `times`, in order; those of the seconds from `begin` to before `end` are judged."""
    cluster, onlooker = ClusterModel(), _Onlooker(begin)
    result = replay(
        app=app,
        times=times,
        counts=np.bincount(times.astype(np.int64), minlength=end + _COOL_DOWN_SECONDS),
        scaler=onlooker,
        start=start,
        objective_seconds=objective_seconds,
        seed=seed,
        cluster=cluster,
    )
    return _judged(result, onlooker, begin, end, cluster)


def _judged(result: Run, onlooker: "_Onlooker", begin: int, end: int, cluster: ClusterModel) -> Steady:
    judged = slice(begin, end)
    known = result.latency_seconds[(result.arrival_second >= begin) & (result.arrival_second < end)]
    known = known[~np.isnan(known)]
    finished = result.arrival_second + result.latency_seconds
    answered = (finished >= begin) & (finished < end)
    answered &= result.latency_seconds < cluster.client_timeout_seconds
    offered = max(1.0, result.offered[judged].sum())
    p50, p99 = np.quantile(known, (0.5, 0.99)) if len(known) else (np.nan, np.nan)
    return Steady(
        p50_seconds=float(p50),
        p99_seconds=float(p99),
        answered_per_second=float(answered.sum() / (end - begin)),
        good_ratio=float(result.good[judged].sum() / offered),
        shed_ratio=float(result.shed[judged].sum() / offered),
        failed_ratio=float(result.failed[judged].sum() / offered),
        cpu_cores_per_pod=float(np.mean(onlooker.cpu_cores)) if onlooker.cpu_cores else np.nan,
    )
