"""The picture of a load test: latency and what was served, by offered load of a pod; an earlier test in grey."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt  # the backend must be chosen first
from matplotlib.axes import Axes

from fastapi_tuning.load_test.report import Report
from fastapi_tuning.load_test.step import Step, Verdict

_BEFORE, _AFTER = "0.55", "tab:blue"


def draw_load_test(report: Report, before: Report | None, path: Path) -> None:
    """Write a PNG."""
    figure, (latency, served) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    tests = [(report, "now" if before else None, _AFTER), *([(before, "before", _BEFORE)] if before else [])]
    for test, name, colour in tests:
        _draw(latency, served, test, name, colour)
    latency.axhline(1000 * report.threshold_seconds, color="tab:red", linestyle="--", linewidth=1, label="objective")
    latency.set_yscale("log")
    latency.set_ylabel("ms")
    longest = max((step.offered_per_second / max(1, step.pods) for step in report.steps), default=1.0)
    served.plot([0, longest], [0, longest], color="tab:red", linestyle="--", linewidth=1, label="all of it")
    served.set_ylabel("good answers/s, a pod")
    served.set_ylim(bottom=0)
    for axes in (latency, served):
        axes.set_xlabel("offered requests/s, a pod")
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", fontsize="small")
    figure.suptitle(f"{report.deployment} in {report.namespace}: {report.objective}", fontsize="medium")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw(latency: Axes, served: Axes, test: Report, name: str | None, colour: str) -> None:
    """Points that failed are hollow; a quantile that falls among failed requests has no point."""
    prefix = f"{name}: " if name else ""
    steps = sorted((step for step in test.steps if step.pods), key=lambda step: step.offered_per_second)
    for quantile, style in (("p99", "-"), ("p50", ":")):
        known = [step for step in steps if _quantile(step, quantile) is not None]
        milliseconds = [1000 * (_quantile(step, quantile) or 0.0) for step in known]
        latency.plot(_offered(known), milliseconds, style, color=colour, label=f"{prefix}{quantile}")
        _points(latency, known, milliseconds, colour)
    rates = [step.served_per_second / step.pods for step in steps]
    served.plot(_offered(steps), rates, color=colour, label=f"{prefix}served")
    _points(served, steps, rates, colour)
    if test.findings.knee_per_second is not None:
        for axes in (latency, served):
            axes.axvline(test.findings.knee_per_second, color=colour, linestyle="-.", linewidth=0.8)


def _points(axes: Axes, steps: Sequence[Step], heights: Sequence[float], colour: str) -> None:
    faces = [colour if step.verdict is Verdict.HELD else "white" for step in steps]
    axes.scatter(_offered(steps), heights, facecolors=faces, edgecolors=colour, zorder=3, s=24)


def _offered(steps: Sequence[Step]) -> list[float]:
    return [step.offered_per_second / step.pods for step in steps]


def _quantile(step: Step, name: str) -> float | None:
    return step.p99_seconds if name == "p99" else step.p50_seconds
