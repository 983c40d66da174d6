"""The picture of a back-test: load, violations and pods over the history; grey is what was not simulated."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt  # the backend must be chosen first

from fastapi_tuning.simulate.backtest import Replay
from fastapi_tuning.simulate.past import Past
from fastapi_tuning.simulate.scaler import FloatArray
from fastapi_tuning.simulate.score import bad_requests

_COLOURS = {"measured": "0.3", "as it was": "tab:orange", "with us": "tab:green"}


def draw_backtest(past: Past, replays: Sequence[Replay], path: Path) -> None:
    """Write a PNG."""
    figure, (load, bad, pods) = plt.subplots(3, 1, figsize=(10, 7), sharex=True, layout="constrained")
    hours = np.arange(len(past.offered)) * past.slot_seconds / 3600
    load.step(hours, past.offered, where="post", color="0.3", linewidth=0.7)
    load.set_ylabel("requests/s")
    with np.errstate(divide="ignore", invalid="ignore"):
        bad.step(hours, 100 * past.bad / past.finished, where="post", color=_COLOURS["measured"], linewidth=0.7)
    pods.step(hours, past.pods, where="post", color=_COLOURS["measured"], linewidth=1)
    for replay in replays:
        judged = slice(replay.window.judged, replay.window.end)
        for name, result in (("as it was", replay.as_it_was), ("with us", replay.with_us)):
            offered, late, paid = (
                _by_slot(values, replay, past.slot_seconds)
                for values in (result.offered, bad_requests(result), result.pods_created)
            )
            shares = 100 * late / np.maximum(offered, 1e-9)
            bad.step(hours[judged], shares, where="post", color=_COLOURS[name], linewidth=0.9)
            pods.step(hours[judged], paid, where="post", color=_COLOURS[name], linewidth=1)
    bad.set_ylabel("bad requests, %")
    bad.set_yscale("symlog", linthresh=1)
    bad.set_ylim(0, 100)
    pods.set_ylabel("pods")
    pods.set_ylim(bottom=0)
    pods.set_xlabel("hours")
    for name, colour in _COLOURS.items():
        pods.plot([], [], color=colour, label=name)
    pods.legend(loc="upper left")
    simulated = np.zeros(len(past.offered), dtype=bool)
    for replay in replays:
        simulated[replay.window.judged : replay.window.end] = True
    for axes in (load, bad, pods):
        axes.grid(alpha=0.3)
        axes.fill_between(
            hours, 0, 1, where=~simulated, color="0.93", step="post", transform=axes.get_xaxis_transform(), zorder=0
        )
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _by_slot(values: FloatArray, replay: Replay, slot_seconds: int) -> FloatArray:
    """Means over the judged slots."""
    begin, end = ((slot - replay.window.first) * slot_seconds for slot in (replay.window.judged, replay.window.end))
    return np.asarray(values[begin:end].reshape(-1, slot_seconds).mean(axis=1))
