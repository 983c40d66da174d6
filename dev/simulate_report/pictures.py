"""The report's picture: cost against violations for every setting that was tried."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from fastapi_tuning.simulate.experiments.comparison import Comparison, Tuned
from fastapi_tuning.simulate.experiments.contenders import Family
from fastapi_tuning.simulate.experiments.trials import Trials

mpl.use("Agg")
from matplotlib import pyplot as plt  # the backend must be chosen first
from matplotlib.axes import Axes  # behind the same line

_COLOURS = {
    Family.HPA_CPU: "tab:blue",
    Family.HPA_REQUESTS: "tab:cyan",
    Family.HPA_LATENCY: "tab:purple",
    Family.KEDA: "tab:orange",
    Family.KNATIVE: "tab:green",
}
_COLUMNS = 3


def draw_frontier(comparisons: Sequence[Comparison], path: Path) -> None:
    """One panel a case; points are hollow with 40 threads, filled with those of the static oracle."""
    rows = -(-len(comparisons) // _COLUMNS)
    figure, panels = plt.subplots(rows, _COLUMNS, figsize=(15, 4 * rows), layout="constrained", squeeze=False)
    for panel in panels.flat[len(comparisons) :]:
        panel.set_visible(False)
    for panel, comparison in zip(panels.flat, comparisons, strict=False):
        _frontier(panel, comparison)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _frontier(panel: Axes, comparison: Comparison) -> None:
    for tuned in comparison.with_default_threads:
        _swept(panel, tuned, filled=False)
    for tuned in comparison.with_oracle_threads:
        _swept(panel, tuned, filled=True)
    _mark(panel, comparison.hpa_with_defaults, "HPA as it comes", marker="X", colour="tab:gray")
    _mark(panel, comparison.static, "static oracle", marker="s", colour="black")
    _mark(panel, comparison.dynamic, "dynamic oracle", marker="D", colour="black")
    _mark(panel, comparison.ours, "ours", marker="*", colour="tab:red")
    panel.set_yscale("symlog", linthresh=10)
    panel.set_ylim(bottom=-2)
    panel.set_title(comparison.case.name)
    panel.set_xlabel("pod-seconds")
    panel.set_ylabel("violation seconds")


def _swept(panel: Axes, tuned: Tuned, *, filled: bool) -> None:
    colour = _COLOURS[tuned.family]
    panel.scatter(
        [each.score.replica_seconds for each in tuned.swept],
        [each.score.violation_seconds for each in tuned.swept],
        s=25,
        edgecolors=colour,
        facecolors=colour if filled else "none",
        label=f"{tuned.family}, {'oracle' if filled else '40'} threads",
    )


def _mark(panel: Axes, found: Trials, label: str, *, marker: str, colour: str) -> None:
    panel.scatter(
        found.replica_seconds, found.violation_seconds, s=130, marker=marker, color=colour, label=label, zorder=3
    )
