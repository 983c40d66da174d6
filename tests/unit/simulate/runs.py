"""Runs for tests of the scores: a hundred good requests a second on two pods, changed in what a test is about."""

from typing import Any

import numpy as np

from fastapi_tuning.simulate.scaler import Command, FloatArray, Run

PER_SECOND = 100.0


def seconds(length: int, value: float, *stretches: tuple[int, int, float]) -> FloatArray:
    """`value` each second, but another one in each (first, end, value)."""
    values = np.full(length, value)
    for first, end, other in stretches:
        values[first:end] = other
    return values


def run(length: int = 600, **changes: Any) -> Run:
    """What is late, failed or shed is taken from the good."""
    parts = {name: changes.pop(name, seconds(length, 0.0)) for name in ("late", "failed", "shed")}
    offered = changes.pop("offered", seconds(length, PER_SECOND))
    pods = changes.pop("pods_created", seconds(length, 2.0))
    commands: tuple[tuple[float, Command], ...] = changes.pop("commands", ())
    return Run(
        seconds=length,
        offered=offered,
        good=offered - parts["late"] - parts["failed"] - parts["shed"],
        late=parts["late"],
        failed=parts["failed"],
        shed=parts["shed"],
        pods_ready=pods,
        pods_created=pods,
        threads=seconds(length, 40.0),
        latency_p99_seconds=np.full(-(-length // 10), 0.1),
        commands=commands,
        latency_seconds=np.empty(0, dtype=np.float32),
        arrival_second=np.empty(0, dtype=np.int32),
    )
