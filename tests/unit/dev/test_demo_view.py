"""The live view in a terminal of the usual width."""

from io import StringIO

from rich.console import Console

from dev.demo.timeline import Moment
from dev.demo.view import screen

BUSY = Moment(
    seconds=123.0,
    offered_per_second=5000.0,
    latency_p99_seconds=12.345,
    fast_ratio=0.0,
    error_ratio=1.0,
    replicas=100,
    ready_replicas=99,
    threads=1000,
    limiting_factor="ThreadPool",
    decision="Replicas 99 → 100 (Overloaded): " + "as long as it takes to say why, " * 5,
)


def rendered(moment: Moment, *, width: int) -> str:
    console = Console(width=width, file=StringIO(), force_terminal=False)
    with console.capture() as shown:
        console.print(screen(moment, end_seconds=300.0, threshold_seconds=0.5))
    return shown.get()


def test_nothing_is_cut_off_at_80_columns() -> None:
    shown = rendered(BUSY, width=80)

    assert "…" not in shown
    headings = ("time", "offered", "p99 (≤ 500 ms)", "errors", "replicas", "threads", "limiting factor: ThreadPool")
    values = ("123/300 s", "5000/s", "12345 ms", "100.00%", "99/100", "1000")
    assert [missing for missing in (*headings, *values) if missing not in shown] == []
    assert max(len(line) for line in shown.splitlines()) <= 80
