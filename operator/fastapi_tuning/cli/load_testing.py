"""A load test on a cluster: what is read first, the steps one after the other, and what follows from them."""

import asyncio
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, Objectives
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import Workbench
from fastapi_tuning.cli.load_jobs import LoadJobs
from fastapi_tuning.cli.pausing import paused
from fastapi_tuning.control.observation import NoData, Signals
from fastapi_tuning.errors import LoadTestFailed
from fastapi_tuning.load_test.findings import findings_of
from fastapi_tuning.load_test.jobs import Judgement, Load
from fastapi_tuning.load_test.jobs import Target as LoadTarget
from fastapi_tuning.load_test.markdown import step_line
from fastapi_tuning.load_test.objects import pods_for_peak, recommended
from fastapi_tuning.load_test.production import signs_of_production
from fastapi_tuning.load_test.report import Report
from fastapi_tuning.load_test.search import Bounds, End, Trial, next_trial
from fastapi_tuning.load_test.step import Step, moved, step_of
from fastapi_tuning.observe.controllers import HORIZONTAL_AUTOSCALER, NO_CONTROLLERS, read_list
from fastapi_tuning.observe.load_target import moved as have_moved
from fastapi_tuning.observe.load_target import read_address, read_namespace_labels, read_pods
from fastapi_tuning.observe.metrics import MetricsTarget, read_signals
from fastapi_tuning.observe.prometheus import PrometheusReader
from fastapi_tuning.observe.workloads import Target, read_target

Result = TypeVar("Result")
_PAUSE_MARGIN = timedelta(minutes=5)
_MOST_UNSETTLED_SECONDS = 180.0
_SETTLED_POLL_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person asked for. `url` and `image`: None where the cluster is to tell."""

    namespace: str
    spec: FastAPITuningSpec
    tuning: FastAPITuning | None
    load: Load
    bounds: Bounds
    judgement: Judgement
    url: str | None
    image: str | None
    pauses: bool
    production_allowed: bool
    peak_per_second: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An order that may be carried out, and where."""

    order: Order
    target: LoadTarget
    image: str


class Interrupted(Exception):
    """The signal that ended the test, after everything was cleaned up."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


async def prepare(api: Workbench, order: Order) -> Prepared:
    """Look whether and where the load may go. Nothing is changed.

    Raises:
        LoadTestFailed: it may not, or it is not known where; the message says what to do.
        NotFound, ContainerNotFound, TargetNotUnderstood, TargetUnavailable: as of the target.
    """
    pods = await read_pods(api, order.namespace, order.spec.target_ref)
    if not order.production_allowed:
        await _refuse_production(api, order.namespace, pods.deployment_labels)
    autoscalers = {HORIZONTAL_AUTOSCALER: await read_list(api, HORIZONTAL_AUTOSCALER, order.namespace)}
    found = await read_target(api, order.namespace, order.spec.target_ref, autoscalers)
    for each in found.workload.foreign_owners:
        if order.pauses and each.reason is Reason.ANOTHER_AUTOSCALER:
            raise LoadTestFailed(
                f"{each.owner} moves the pods, and a knee is that of a fixed number of them: take it away for the "
                "test, or measure whatever it does (--no-pause)"
            )
    image = order.image or pods.agent_image
    if image is None:
        raise LoadTestFailed(
            "which image holds the generator? The pods carry no agent to read it from: --image REGISTRY/"
            "fastapi-tuning-operator:TAG, the operator's own"
        )
    target = LoadTarget(
        namespace=order.namespace,
        deployment=order.spec.target_ref.name,
        pod_labels=pods.labels,
        url=order.url or await read_address(api, order.namespace, pods.labels),
        owner=order.tuning,
    )
    return Prepared(order=order, target=target, image=image)


async def _refuse_production(api: Workbench, namespace: str, deployment_labels: dict[str, str]) -> None:
    labels = await read_namespace_labels(api, namespace)
    if labels is None:
        raise LoadTestFailed(
            f"the labels of namespace {namespace} cannot be read, so nobody knows whether it is production: "
            "--allow-production says that load may go there"
        )
    signs = signs_of_production(namespace, {**labels, **deployment_labels})
    if signs:
        raise LoadTestFailed(
            f"this looks like production ({'; '.join(signs)}): --allow-production says that it is meant"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All that the test needs of the world. `tell` is given a line for a person who waits."""

    api: Workbench
    prometheus: PrometheusReader | None
    tell: Callable[[str], None]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


async def carry_out(prepared: Prepared, world: Surroundings) -> Report:
    """Offer step after step, and report. Nothing of it stays in the cluster, however it ends.

    Raises:
        LoadTestFailed: load could not be offered, or something could not be removed.
        WriteRejected: the operator could not be paused.
        TargetUnavailable, NotFound: the target cannot be read any more.
    """
    order = prepared.order
    jobs = LoadJobs(
        api=world.api,
        target=prepared.target,
        load=order.load,
        judgement=order.judgement,
        image=prepared.image,
        run=uuid.uuid4().hex[:12],
        sleep=world.sleep,
        clock=world.clock,
    )
    steps: list[Step] = []
    signals: list[Signals] = []
    began = world.clock()
    async with _held_still(order, world):
        first = await _settled(order, world)
        while isinstance(trial := next_trial(steps, order.bounds, world.clock() - began), Trial):
            world.tell(f"step {len(steps) + 1}: {trial.level:g} {order.load.unit} for {trial.load_seconds:.0f} s …")
            await world.sleep(trial.rest_seconds)
            step, after = await _step(trial, len(steps) + 1, jobs, order, world)
            world.tell(step_line(len(steps) + 1, step, order.load.unit))
            steps.append(step)
            if world.prometheus is not None:
                signals.append(await _seen(world.prometheus, after, order, world))
    world.tell(f"end: {trial}")
    return _report(prepared, first, tuple(steps), signals, trial, world)


@asynccontextmanager
async def _held_still(order: Order, world: Surroundings) -> AsyncIterator[None]:
    if order.tuning is None or not order.pauses:
        yield
        return
    until = world.now() + timedelta(seconds=order.bounds.most_seconds) + _PAUSE_MARGIN
    async with paused(world.api, order.tuning, until):
        world.tell(f"FastAPITuning {order.tuning.name} is paused, until {until:%H:%M} UTC at the latest")
        yield


async def _step(trial: Trial, number: int, jobs: LoadJobs, order: Order, world: Surroundings) -> tuple[Step, Target]:
    """One step on settled pods. What fails on pods that moved has failed on some that were there."""
    before = await _settled(order, world)
    settling, *judged = await jobs.offer(trial, number)
    after = await read_target(world.api, order.namespace, order.spec.target_ref, NO_CONTROLLERS)
    step = step_of(
        trial.level, settling, judged[0] if judged else None, order.spec.objectives, before.workload.ready_replicas
    )
    if order.pauses and have_moved(before, after):
        step = moved(step)
    return step, after


async def _settled(order: Order, world: Surroundings) -> Target:
    """The target, once all of its pods are ready.

    Raises:
        LoadTestFailed: they are not after three minutes, or there are none.
    """
    until = world.clock() + _MOST_UNSETTLED_SECONDS
    while True:
        target = await read_target(world.api, order.namespace, order.spec.target_ref, NO_CONTROLLERS)
        workload = target.workload
        if workload.ready_replicas >= max(1, workload.desired_replicas) and not workload.rollout_in_progress:
            return target
        if world.clock() >= until:
            ready, wanted = workload.ready_replicas, workload.desired_replicas
            raise LoadTestFailed(f"{ready} of {wanted} pods are ready: there is nothing to measure")
        await world.sleep(_SETTLED_POLL_SECONDS)


async def _seen(reader: PrometheusReader, target: Target, order: Order, world: Surroundings) -> Signals:
    key = (order.namespace, order.spec.target_ref.name)
    asked = MetricsTarget(
        key=key,
        pods=target.ready_pods,
        metrics=order.spec.metrics,
        threshold_seconds=order.spec.objectives.latency.threshold_seconds,
    )
    found = (await asyncio.to_thread(read_signals, reader, (asked,), world.now()))[key]
    if isinstance(found, NoData):
        world.tell(f"Prometheus: {found.message}")
    return found


def _report(
    prepared: Prepared, first: Target, steps: tuple[Step, ...], signals: list[Signals], end: End, world: Surroundings
) -> Report:
    order, tuning, target = prepared.order, prepared.order.tuning, prepared.target
    findings = findings_of(
        steps,
        signals,
        first.workload,
        order.spec,
        threads=first.rolled_out.threads if tuning is None else tuning.status.current.threads,
        now=world.now(),
    )
    pods = pods_for_peak(findings, order.peak_per_second)
    return Report(
        namespace=order.namespace,
        deployment=target.deployment,
        tuning=None if tuning is None else tuning.name,
        time=world.now(),
        load=order.load.told(target),
        unit=order.load.unit,
        objective=objective_text(order.spec.objectives),
        threshold_seconds=order.spec.objectives.latency.threshold_seconds,
        pods=first.workload.ready_replicas,
        end=end,
        steps=steps,
        findings=findings,
        peak_per_second=order.peak_per_second,
        peak_pods=pods,
        objects=recommended(
            findings,
            order.spec,
            namespace=order.namespace,
            name=target.deployment if tuning is None else tuning.name,
            container=first.workload.container,
            pods=pods,
        ),
    )


def objective_text(objectives: Objectives) -> str:
    """For people."""
    latency = objectives.latency
    mean = objectives.average_latency_milliseconds
    return (
        f"{latency.percentile} % within {latency.threshold_milliseconds} ms, "
        f"{'' if mean is None else f'mean at most {mean} ms, '}at most {objectives.errors.max_percent} % errors"
    )


async def until_interrupted(work: Coroutine[Any, Any, Result], tell: Callable[[str], None]) -> Result:
    """The work's result. SIGINT and SIGTERM cancel it once, and what it cleans up then is not interrupted again.

    Raises:
        Interrupted: a signal ended it.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    received: list[int] = []

    def cancel(number: int) -> None:
        if not received:
            tell("stopping the load, and cleaning up …")
            task.cancel()
        received.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, cancel, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        raise Interrupted(received[0]) from None
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
