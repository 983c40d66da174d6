"""One run: load against an app, a scaler at the knobs, and what came of it."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastapi_tuning.control.objective import quantile
from fastapi_tuning.control.observation import Traffic
from fastapi_tuning.simulate import shapes
from fastapi_tuning.simulate.app import AppModel, ClusterModel, Later
from fastapi_tuning.simulate.arrays import FAILED, GOOD, LATE, OPEN, SHED, Fate, Table, column
from fastapi_tuning.simulate.deployment import Deployment, PodRecord
from fastapi_tuning.simulate.plant import Plant
from fastapi_tuning.simulate.scaler import Command, FloatArray, PodView, Run, Scaler, View
from fastapi_tuning.simulate.scrape import Prometheus, PrometheusModel, Scraped, latency_edges
from fastapi_tuning.simulate.work import draw_work

P99_SLOT_SECONDS = 10
_METRICS_SERVER_SECONDS = 15
_CONCURRENCY_SECONDS = 2
_P99 = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The knobs before the first command. No limit: all requests are admitted."""

    replicas: int = 2
    threads: int = 40
    in_flight_limit: int | None = None


def run(
    *,
    app: AppModel,
    rates: FloatArray,
    scaler: Scaler,
    start: Start,
    objective_seconds: float,
    seed: int,
    cluster: ClusterModel | None = None,
    prometheus: PrometheusModel | None = None,
    later: Sequence[Later] = (),
) -> Run:
    """Offer `rates` (mean requests per second, for each second) and let `scaler` act. The same seed, the same run.

    `later` says what the service turns into, in order of time.

    Arrivals and what requests bring with them depend on the seed alone, so runs of different scalers can be compared
    request by request.

    Raises:
        ValueError: the scaler's period is no whole number of seconds.
    """
    times, counts = shapes.arrivals(rates, _generators(seed)[0])
    return replay(
        app=app,
        times=times,
        counts=counts,
        scaler=scaler,
        start=start,
        objective_seconds=objective_seconds,
        seed=seed,
        cluster=cluster,
        prometheus=prometheus,
        later=later,
    )


def replay(
    *,
    app: AppModel,
    times: FloatArray,
    counts: NDArray[np.int64],
    scaler: Scaler,
    start: Start,
    objective_seconds: float,
    seed: int,
    cluster: ClusterModel | None = None,
    prometheus: PrometheusModel | None = None,
    later: Sequence[Later] = (),
) -> Run:
    """As `run`, with arrivals that are known: their `times`, in order, and how many there are in each second.

    Raises:
        ValueError: the scaler's period is no whole number of seconds.
    """
    if scaler.period_seconds < 1 or scaler.period_seconds != int(scaler.period_seconds):
        raise ValueError(f"period_seconds: a whole number from 1, not {scaler.period_seconds:g}")
    cluster, prometheus = cluster or ClusterModel(), prometheus or PrometheusModel()
    _, of_work, of_pods, of_metrics = _generators(seed)
    edges = latency_edges(objective_seconds)
    plant = Plant(app, cluster, objective_seconds=objective_seconds, edges=edges, requests=len(times))
    deployment = Deployment(
        plant,
        app,
        of_pods,
        replicas=start.replicas,
        threads=start.threads,
        in_flight_limit=start.in_flight_limit,
        drain_seconds=cluster.drain_seconds,
    )
    releases = {each.at_seconds for each in later if each.new_version}
    metrics = _Metrics(plant, app, prometheus, edges, of_metrics)
    pending: deque[tuple[int, Command]] = deque()
    commands: list[tuple[float, Command]] = []
    ready, created, threads = (np.zeros(len(counts)) for _ in range(3))
    for second, work in enumerate(draw_work(app, times, counts, of_work, later)):
        now = float(second)
        if second in releases:
            deployment.restart_with_threads(deployment.threads)
        while pending and pending[0][0] <= second:
            _carry_out(pending.popleft()[1], deployment, now)
        deployment.tick(now)
        metrics.collect(deployment.pods, second)
        if second % int(scaler.period_seconds) == 0:
            command = _changes(scaler(metrics.view(deployment, now)), deployment)
            if command != Command():
                commands.append((now, command))
                pending.append((second + cluster.command_delay_seconds, command))
        ready[second] = len(deployment.ready_pods)
        created[second] = deployment.paid_pods
        threads[second] = deployment.threads
        plant.advance(work, now + 1.0)
    return _result(plant.fates, times, ready, created, threads, tuple(commands))


def _generators(seed: int) -> list[np.random.Generator]:
    """Of arrivals, of what requests bring, of pods, of metrics: none depends on how much another one drew."""
    return [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(4)]


def _changes(command: Command, deployment: Deployment) -> Command:
    """The command without what is so already."""
    return Command(
        replicas=None if command.replicas == deployment.replicas else command.replicas,
        threads=None if command.threads == deployment.threads else command.threads,
        in_flight_limit=None if command.in_flight_limit == deployment.in_flight_limit else command.in_flight_limit,
        restart_with_threads=(
            None if command.restart_with_threads == deployment.threads else command.restart_with_threads
        ),
    )


def _carry_out(command: Command, deployment: Deployment, now: float) -> None:
    if command.replicas is not None:
        deployment.replicas = command.replicas
    if command.threads is not None:
        deployment.set_threads(command.threads, now)
    if command.in_flight_limit is not None:
        deployment.set_in_flight_limit(command.in_flight_limit)
    if command.restart_with_threads is not None:
        deployment.restart_with_threads(command.restart_with_threads)


_UNSEEN: deque[float] = deque(maxlen=0)


class _Metrics:
    """What looks at the pods: Prometheus, the metrics server, and Knative's queue-proxy."""

    def __init__(
        self,
        plant: Plant,
        app: AppModel,
        model: PrometheusModel,
        edges: tuple[float, ...],
        rng: np.random.Generator,
    ) -> None:
        self._plant, self._app, self._model = plant, app, model
        self._prometheus = Prometheus(model, edges, rng)
        self._cpu: dict[int, deque[float]] = {}
        self._present: dict[int, deque[float]] = {}

    def collect(self, pods: Iterable[PodRecord], second: int) -> None:
        """Sample the pods that are ready, each where it is due."""
        for record in pods:
            if not record.ready:
                continue
            pod = self._plant.pod(record.number)
            if self._prometheus.due(record.name, second):
                self._prometheus.scrape(record.name, pod, self._plant.buckets(record.number), float(second))
            if second % _METRICS_SERVER_SECONDS == 0:
                self._cpu.setdefault(record.number, deque(maxlen=2)).append(pod.cpu_seconds)
            present = self._present.setdefault(record.number, deque(maxlen=_CONCURRENCY_SECONDS + 1))
            present.append(pod.present_seconds)

    def view(self, deployment: Deployment, now: float) -> View:
        ready = tuple(pod.name for pod in deployment.pods if pod.ready)
        scraped = Scraped(
            prometheus=self._prometheus,
            now_seconds=now,
            ready_pods=ready,
            template_hash=f"template-{deployment.template}",
            rollout_in_progress=deployment.rollout_in_progress,
        )
        pods = tuple(self._pod_view(pod, now) for pod in deployment.pods)
        rates = [pod.requests_per_second for pod in pods if pod.requests_per_second is not None]
        signals = scraped.signals(window_seconds=self._model.window_seconds, threshold_seconds=np.inf)
        return View(
            now_seconds=now,
            desired_replicas=deployment.replicas,
            pods=pods,
            requests_per_second=sum(rates) if rates else None,
            latency_p99_seconds=quantile(signals.buckets, _P99) if isinstance(signals, Traffic) else None,
            scraped=scraped,
        )

    def _pod_view(self, record: PodRecord, now: float) -> PodView:
        cpu, present = self._cpu.get(record.number, _UNSEEN), self._present.get(record.number, _UNSEEN)
        return PodView(
            name=record.name,
            ready=record.ready,
            started_seconds=record.created_seconds,
            ready_since_seconds=record.ready_at_seconds if record.ready else None,
            cpu_cores=(cpu[1] - cpu[0]) / _METRICS_SERVER_SECONDS if len(cpu) == 2 else None,
            cpu_request_cores=self._app.cpu_request_cores,
            requests_per_second=self._prometheus.served_per_second(record.name, now, self._model.window_seconds),
            concurrency=(present[-1] - present[0]) / (len(present) - 1) if len(present) > 1 else None,
        )


def _result(
    fates: Table[Fate],
    times: FloatArray,
    ready: FloatArray,
    created: FloatArray,
    threads: FloatArray,
    commands: tuple[tuple[float, Command], ...],
) -> Run:
    seconds = len(ready)
    arrival_second = times.astype(np.int32)
    outcome, latency = column(fates, "outcome"), column(fates, "latency").astype(np.float32)
    so_far = np.where(outcome == OPEN, seconds - times, latency)

    def per_second(*outcomes: int) -> FloatArray:
        chosen = arrival_second[np.isin(outcome, outcomes)]
        return np.bincount(chosen, minlength=seconds).astype(np.float64)

    return Run(
        seconds=seconds,
        offered=np.bincount(arrival_second, minlength=seconds).astype(np.float64),
        good=per_second(GOOD),
        late=per_second(LATE, OPEN),
        failed=per_second(FAILED),
        shed=per_second(SHED),
        pods_ready=ready,
        pods_created=created,
        threads=threads,
        latency_p99_seconds=_p99_by_slot(arrival_second, so_far, seconds),
        commands=commands,
        latency_seconds=latency,
        arrival_second=arrival_second,
    )


def _p99_by_slot(arrival_second: NDArray[np.int32], latency: FloatArray, seconds: int) -> FloatArray:
    slots = -(-seconds // P99_SLOT_SECONDS)
    bounds = np.searchsorted(arrival_second, np.arange(slots + 1) * P99_SLOT_SECONDS)
    result = np.full(slots, np.nan)
    for slot in range(slots):
        known = latency[bounds[slot] : bounds[slot + 1]]
        known = known[~np.isnan(known)]
        if len(known):
            result[slot] = np.quantile(known, _P99)
    return result
