"""The loads of the comparisons: curves by seed, at the peak of the service that gets them."""

from collections.abc import Iterable

import numpy as np

from fastapi_tuning.simulate.experiments.services import CPU_BOUND, IO_BOUND, MIXED, Service
from fastapi_tuning.simulate.experiments.trials import RUN_SECONDS, Case
from fastapi_tuning.simulate.scaler import FloatArray
from fastapi_tuning.simulate.shapes import SHAPES, scaled

COMPARED_SHAPES = ("diurnal", "noisy", "bursty")
COMPARED_SERVICES = (IO_BOUND, CPU_BOUND, MIXED)


def cases(trace: FloatArray | None) -> Iterable[Case]:
    """Each service under each shape, and under the trace if there is one."""
    for service in COMPARED_SERVICES:
        for shape in COMPARED_SHAPES:
            yield _of_shape(service, shape)
        if trace is not None:
            yield _of_trace(service, trace)


def _of_shape(service: Service, shape: str) -> Case:
    def curve(seed: int) -> FloatArray:
        return SHAPES[shape](RUN_SECONDS, service.peak_per_second, np.random.default_rng(seed))

    return Case(service=service, load=shape, curve=curve)


def _of_trace(service: Service, trace: FloatArray) -> Case:
    rates = scaled(trace[:RUN_SECONDS], service.peak_per_second)
    return Case(service=service, load="trace", curve=lambda seed: rates)
