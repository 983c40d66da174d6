"""What the simulator's inner loop costs: compiled, the same code uncompiled, and a bare event loop in Python.

`python -m benchmarks.simulator` prints CPU seconds of one core. The case is an hour of 400 requests/s on ten pods whose
requests hold one of 40 threads for 100 ms (lognormal), and compute for 3 ms in the second row of each kind.
"""

import heapq
import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.simulate import shapes
from fastapi_tuning.simulate.app import AppModel, ClusterModel, Endpoint
from fastapi_tuning.simulate.plant import Plant
from fastapi_tuning.simulate.run import Start, run
from fastapi_tuning.simulate.service_times import Exponential, Lognormal
from fastapi_tuning.simulate.tuned import Tuned
from fastapi_tuning.simulate.work import draw_work

RATE, PODS, THREADS, SECONDS, FEW_SECONDS = 400.0, 10, 40, 3600, 20
WAIT = Lognormal(median_seconds=0.1, sigma=0.5)
APPS = {
    "waits": AppModel(endpoints=(Endpoint(wait=WAIT),)),
    "waits and computes": AppModel(endpoints=(Endpoint(wait=WAIT, cpu=Exponential(mean_seconds=0.003)),)),
}
SPEC = FastAPITuningSpec.model_validate(
    {"targetRef": {"name": "checkout"}, "mode": "Auto", "replicas": {"min": PODS, "max": PODS}}
)


def main() -> None:
    if os.environ.get("NUMBA_DISABLE_JIT"):
        _report("inner loop, not compiled", _inner_loop, FEW_SECONDS)
        return
    began = time.process_time()
    _inner_loop(APPS["waits"], 1)
    print(f"first use (compiled, or read from the cache): {time.process_time() - began:.1f} s")
    _report("inner loop, compiled", _inner_loop, SECONDS)
    _report("whole run with our law", _whole_run, SECONDS)
    _report("bare heap in Python", _bare_heap, FEW_SECONDS)
    subprocess.run(
        [sys.executable, "-m", "benchmarks.simulator"], env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, check=True
    )


def _report(what: str, measure: Callable[[AppModel, int], float], seconds: int) -> None:
    for name, app in APPS.items():
        spent = measure(app, seconds)
        each = spent / (RATE * seconds)
        print(f"{what:28} {name:20} {each * 1e6:8.2f} µs a request, {each * RATE * 3600:8.1f} s an hour of {RATE:g}/s")


def _inner_loop(app: AppModel, seconds: int) -> float:
    rng = np.random.default_rng(1)
    times, counts = shapes.arrivals(np.full(seconds, RATE), rng)
    plant = Plant(app, ClusterModel(), objective_seconds=0.5, edges=(0.1, 0.5, 1.0), requests=len(times))
    for _ in range(PODS):
        plant.make_ready(plant.create_pod(0.0, threads=THREADS, in_flight_limit=None), 0.0)
    work = list(draw_work(app, times, counts, rng))
    began = time.process_time()
    for second, each in enumerate(work):
        plant.advance(each, second + 1.0)
    return time.process_time() - began


def _whole_run(app: AppModel, seconds: int) -> float:
    began = time.process_time()
    start = Start(replicas=PODS, threads=THREADS)
    run(
        app=app,
        rates=np.full(seconds, RATE),
        scaler=Tuned(spec=SPEC),
        start=start,
        objective_seconds=0.5,
        seed=1,
    )
    return time.process_time() - began


def _bare_heap(app: AppModel, seconds: int) -> float:
    """The least that a simulator in plain Python must do: three events a request, a list of free threads, no core."""
    rng = np.random.default_rng(1)
    times = shapes.arrivals(np.full(seconds, RATE), rng)[0].tolist()
    waits = app.endpoints[0].wait.sample(rng, len(times)).tolist()
    began = time.process_time()
    busy, queues = [0] * PODS, [list[int]() for _ in range(PODS)]
    events = [(at, number, 0) for number, at in enumerate(times)]
    heapq.heapify(events)
    while events:
        now, number, kind = heapq.heappop(events)
        pod = number % PODS
        if kind == 0:
            heapq.heappush(events, (now, number, 1))
        elif kind == 1:
            if busy[pod] < THREADS:
                busy[pod] += 1
                heapq.heappush(events, (now + waits[number], number, 2))
            else:
                queues[pod].append(number)
        elif queues[pod]:
            following = queues[pod].pop(0)
            heapq.heappush(events, (now + waits[following], following, 2))
        else:
            busy[pod] -= 1
    return time.process_time() - began


if __name__ == "__main__":
    main()
