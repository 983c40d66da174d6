"""The picture of a simulated run: load, latency, and knobs over time."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt  # the backend must be chosen first

from fastapi_tuning.simulate.run import P99_SLOT_SECONDS
from fastapi_tuning.simulate.scaler import Run


def draw_run(run: Run, objective_seconds: float, path: Path) -> None:
    """Write a PNG."""
    minutes = np.arange(run.seconds) / 60
    slots = np.arange(len(run.latency_p99_seconds)) * P99_SLOT_SECONDS / 60
    figure, (load, latency, knobs) = plt.subplots(3, 1, figsize=(9, 7), sharex=True, layout="constrained")
    load.plot(minutes, run.offered, color="0.6", linewidth=0.7, label="offered")
    bad = run.late + run.failed + run.shed
    load.fill_between(minutes, bad, color="tab:red", step="post", linewidth=0, label="late, failed or shed")
    load.set_ylabel("requests/s")
    latency.step(slots, run.latency_p99_seconds * 1000, where="post", color="tab:blue", label="p99")
    latency.axhline(objective_seconds * 1000, color="tab:red", linestyle="--", linewidth=1, label="objective")
    latency.set_yscale("log")
    latency.set_ylabel("ms")
    knobs.step(minutes, run.pods_created, where="post", color="tab:orange", label="pods paid for")
    knobs.step(minutes, run.pods_ready, where="post", color="tab:green", label="pods ready")
    knobs.set_ylabel("pods")
    knobs.set_ylim(bottom=0)
    knobs.set_xlabel("minutes")
    threads = knobs.twinx()
    threads.step(minutes, run.threads, where="post", color="tab:purple", linestyle=":", label="threads per pod")
    threads.set_ylabel("threads")
    threads.set_ylim(bottom=0)
    for axes in (load, latency, knobs):
        axes.grid(alpha=0.3)
    load.legend(loc="upper left")
    latency.legend(loc="upper left")
    lines = [*knobs.get_lines(), *threads.get_lines()]
    knobs.legend(lines, [str(line.get_label()) for line in lines], loc="upper left")
    figure.savefig(path, dpi=110)
    plt.close(figure)
