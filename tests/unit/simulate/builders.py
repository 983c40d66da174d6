"""Apps and runs for the simulator's tests: complete, unremarkable, and changed only in what a test is about."""

from dataclasses import replace
from typing import Any

import numpy as np

from fastapi_tuning.simulate.app import AppModel, ClusterModel, Endpoint, Execution
from fastapi_tuning.simulate.run import Start, run
from fastapi_tuning.simulate.scaler import Command, Run, Scaler, View
from fastapi_tuning.simulate.service_times import Exponential, ServiceTime

OBJECTIVE_SECONDS = 0.5


def threaded(wait: ServiceTime, **changes: Any) -> AppModel:
    """A `def` endpoint that holds a thread and computes nothing."""
    return AppModel(endpoints=(Endpoint(wait=wait),), framework_cpu_seconds=0.0, **changes)


def computing(mean_seconds: float) -> AppModel:
    """An `async def` endpoint that never waits: one server, first come, first served."""
    endpoint = Endpoint(execution=Execution.LOOP, cpu=Exponential(mean_seconds=mean_seconds))
    return AppModel(endpoints=(endpoint,), framework_cpu_seconds=0.0)


class Script:
    """Says what it was told to say at a time, and keeps what it saw."""

    def __init__(self, commands: dict[int, Command] | None = None, period_seconds: float = 5.0) -> None:
        self.period_seconds = period_seconds
        self.views: list[View] = []
        self._commands = commands or {}

    def __call__(self, view: View) -> Command:
        self.views.append(view)
        return self._commands.get(round(view.now_seconds), Command())


def play(
    app: AppModel,
    rate: float,
    seconds: int,
    *,
    scaler: Scaler | None = None,
    start: Start | None = None,
    cluster: ClusterModel | None = None,
    seed: int = 1,
    **changes: Any,
) -> Run:
    """A constant rate over one pod with 40 threads; nobody gives up."""
    return run(
        app=app,
        rates=np.full(seconds, rate),
        scaler=scaler or Script(),
        start=start or Start(replicas=1),
        objective_seconds=OBJECTIVE_SECONDS,
        seed=seed,
        cluster=cluster or PATIENT,
        **changes,
    )


PATIENT = replace(ClusterModel(), client_timeout_seconds=1e9)
