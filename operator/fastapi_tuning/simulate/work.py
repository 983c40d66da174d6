"""What requests bring with them, drawn before they arrive: the same whatever an autoscaler does."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fastapi_tuning.simulate.app import AppModel, Execution, Later
from fastapi_tuning.simulate.arrays import Table, Work, column, table


def draw_work(
    app: AppModel,
    times: NDArray[np.float64],
    counts: NDArray[np.int64],
    rng: np.random.Generator,
    later: Sequence[Later] = (),
) -> Iterator[Table[Work]]:
    """Yields the work of each second; `counts` says how many of `times` fall into it."""
    changes = {each.at_seconds: each.app for each in later}
    begin = 0
    for second, count in enumerate(counts):
        app = changes.get(second, app)
        yield _draw(app, times[begin : begin + count], rng)
        begin += int(count)


def _draw(app: AppModel, times: NDArray[np.float64], rng: np.random.Generator) -> Table[Work]:
    count = len(times)
    weights = np.cumsum([endpoint.weight for endpoint in app.endpoints])
    chosen = np.searchsorted(weights, rng.random(count) * weights[-1], side="right")
    cpu, wait, query = np.zeros(count), np.zeros(count), np.zeros(count)
    for index, endpoint in enumerate(app.endpoints):
        mine = chosen == index
        number = int(mine.sum())
        cpu[mine] = endpoint.cpu.sample(rng, number)
        wait[mine] = endpoint.wait.sample(rng, number)
        if endpoint.query is not None:
            query[mine] = endpoint.query.sample(rng, number)
    endpoints = app.endpoints
    work = table(Work, count)
    columns = {
        "time": times,
        "cpu": cpu,
        "wait": wait,
        "query": query,
        "tokens": np.array([endpoint.tokens for endpoint in endpoints])[chosen],
        "in_loop": np.array([endpoint.execution is Execution.LOOP for endpoint in endpoints])[chosen],
        "error": rng.random(count) < np.array([endpoint.error_ratio for endpoint in endpoints])[chosen],
        "connection": rng.random(count),
        "pod": rng.random(count),
        "lifetime": rng.exponential(1.0, count),
    }
    for name, values in columns.items():
        column(work, name)[:] = values
    return work
