"""The history that a simulated run would have left in Prometheus: whoever replays it should find the run again."""

import math
from functools import cache

import numpy as np

from fastapi_tuning.observe.history import Moment, RangeSamples, moments_of
from fastapi_tuning.observe.presets import PRESETS
from fastapi_tuning.simulate.app import AppModel, ClusterModel, Endpoint
from fastapi_tuning.simulate.autoscalers.static import Timetable
from fastapi_tuning.simulate.run import Start, run
from fastapi_tuning.simulate.scaler import FloatArray, Run
from fastapi_tuning.simulate.service_times import Constant, Lognormal

STEP_SECONDS = 60
FIRST_UNIX_SECONDS = 1_700_000_040
SECONDS = 4800
LAST_UNIX_SECONDS = FIRST_UNIX_SECONDS + SECONDS
OBJECTIVE_SECONDS = 0.5
THREADS = 10
CPU_SECONDS = 0.002
MEDIAN_SECONDS, SIGMA = 0.2, 0.3
EDGES = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, math.inf)
PRESET = PRESETS[0]


@cache
def overloaded_for_a_while() -> Run:
    """30 requests/s on one pod that carries 47; 80 for ten minutes, for which the second pod comes four minutes late.

    Three pods afterwards, of which two are not needed.
    """
    rates = np.full(SECONDS, 30.0)
    rates[2400:3000] = 80.0
    wait = Lognormal(median_seconds=MEDIAN_SECONDS, sigma=SIGMA)
    return run(
        app=AppModel(endpoints=(Endpoint(wait=wait, cpu=Constant(seconds=CPU_SECONDS)),)),
        rates=rates,
        scaler=Timetable([(0, 1), (2640, 3)]),
        start=Start(replicas=1, threads=THREADS),
        objective_seconds=OBJECTIVE_SECONDS,
        seed=7,
        cluster=ClusterModel(client_timeout_seconds=1e6),
    )


def range_samples(found: Run) -> RangeSamples:
    """What range queries would give, with the agent in the pods: rates over each step before its time."""
    known = ~np.isnan(found.latency_seconds)
    latency = found.latency_seconds[known]
    slot = ((found.arrival_second[known] + latency) // STEP_SECONDS).astype(int)
    slots = found.seconds // STEP_SECONDS

    def values(by_slot: FloatArray) -> dict[int, float]:
        return {FIRST_UNIX_SECONDS + (place + 1) * STEP_SECONDS: float(by_slot[place]) for place in range(slots)}

    def per_second(weights: FloatArray) -> FloatArray:
        return np.bincount(slot, weights=weights, minlength=slots) / STEP_SECONDS

    ends = np.arange(1, slots + 1) * STEP_SECONDS - 1
    served = per_second(np.ones(len(latency)))
    started = found.offered.reshape(slots, STEP_SECONDS).mean(axis=1)
    return RangeSamples(
        buckets={edge: values(per_second((latency <= edge).astype(float))) for edge in EDGES},
        latency_sum=values(per_second(latency.astype(float))),
        failed={},
        cpu=values(served * CPU_SECONDS),
        queue_growth=values(started - served),
        pods=values(found.pods_ready[ends]),
        threads={},
    )


def moments(samples: RangeSamples) -> list[Moment]:
    """Every step of the run."""
    times = range(FIRST_UNIX_SECONDS + STEP_SECONDS, LAST_UNIX_SECONDS + 1, STEP_SECONDS)
    found = moments_of(times, samples, PRESET, step_seconds=STEP_SECONDS, threshold_seconds=OBJECTIVE_SECONDS)
    return list(found)
