"""How the demonstration looks: a row of numbers and the last decision in the terminal, a picture at the end."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

mpl.use("Agg")
from matplotlib import pyplot as plt  # the backend must be chosen first

from dev.demo.timeline import Moment  # behind the same line


def screen(moment: Moment, *, end_seconds: float, threshold_seconds: float) -> Group:
    """The live view of one moment; 80 columns are enough for it."""
    late = moment.latency_p99_seconds is not None and moment.latency_p99_seconds > threshold_seconds
    numbers = Table(expand=True)
    columns = {
        "time": f"{moment.seconds:.0f}/{end_seconds:.0f} s",
        "offered": _rate(moment.offered_per_second),
        f"p99 (≤ {threshold_seconds * 1000:.0f} ms)": _milliseconds(moment.latency_p99_seconds),
        "errors": "—" if moment.error_ratio is None else f"{moment.error_ratio:.2%}",
        "replicas": f"{moment.ready_replicas}/{moment.replicas}",
        "threads": "—" if moment.threads is None else str(moment.threads),
    }
    for name in columns:
        numbers.add_column(name, justify="right", no_wrap=True)
    numbers.add_row(
        *(Text(value, style="bold red" if late and "p99" in name else "") for name, value in columns.items())
    )
    return Group(numbers, Panel(moment.decision, title=f"last decision · limiting factor: {moment.limiting_factor}"))


def _rate(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}/s"


def _milliseconds(seconds: float | None) -> str:
    return "—" if seconds is None else f"{seconds * 1000:.0f} ms"


def draw(moments: Sequence[Moment], path: Path, *, threshold_seconds: float) -> None:
    """Load, p99 with the objective, replicas and threads over time, as one PNG."""
    seconds = [moment.seconds for moment in moments]
    figure, (load, latency, replicas, threads) = plt.subplots(4, 1, sharex=True, figsize=(9, 9), layout="constrained")
    load.plot(seconds, [_or_gap(m.offered_per_second) for m in moments], color="tab:gray")
    load.set_ylabel("offered\nrequests/s")
    latency.semilogy(seconds, [_or_gap(m.latency_p99_seconds) * 1000 for m in moments], color="tab:blue")
    latency.axhline(threshold_seconds * 1000, color="tab:red", linestyle="--", label="objective")
    latency.set_ylabel("p99, ms")
    latency.yaxis.set_major_locator(FixedLocator([100, 200, 500, 1000, 2000, 5000, 10000]))
    latency.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    latency.yaxis.set_minor_locator(NullLocator())
    latency.legend(loc="upper right")
    replicas.step(seconds, [m.replicas for m in moments], where="post", color="tab:green")
    replicas.set_ylabel("replicas")
    threads.step(seconds, [_or_gap(m.threads) for m in moments], where="post", color="tab:purple")
    threads.set_ylabel("threads\nper pod")
    threads.set_xlabel("seconds since the load began")
    for axis in (load, replicas, threads):
        axis.set_ylim(bottom=0)
    for axis in (load, latency, replicas, threads):
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _or_gap(value: float | None) -> float:
    """matplotlib leaves a gap at NaN, which is what an unknown value is."""
    return float("nan") if value is None else float(value)
