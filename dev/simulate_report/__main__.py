"""`python -m dev.simulate_report`: run the experiments, say what is under way, write the report and its pictures."""

import argparse
import os
import platform
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from loky import get_reusable_executor
from rich.console import Console

from dev.simulate_report.pictures import draw_frontier
from fastapi_tuning.simulate.experiments.everything import everything
from fastapi_tuning.simulate.report import Provenance, judged, markdown
from fastapi_tuning.simulate.shapes import TraceError, read_trace

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("fastapi-tuning-operator", "numpy", "numba")


def main() -> int:
    options = _options()
    console = Console()
    try:
        trace = None if options.trace is None else read_trace(options.trace)
    except (TraceError, OSError) as error:
        console.print(f"✗ {error}", style="red")
        return 1
    options.output.mkdir(parents=True, exist_ok=True)
    started, processes = time.monotonic(), os.cpu_count() or 1
    findings = everything(
        trace,
        lambda what: console.print(f"  {time.monotonic() - started:5.0f} s  {what}"),
        get_reusable_executor(max_workers=processes).map,
    )
    provenance = Provenance(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        versions=", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)]),
        minutes=(time.monotonic() - started) / 60,
        processes=processes,
    )
    report = options.output / f"{provenance.date}-simulate.md"
    report.write_text(markdown(findings, provenance))
    draw_frontier(findings.comparisons, report.with_suffix(".png"))
    verdicts = Counter(each.verdict for each in judged(findings))
    console.print(f"  ✓ {report}: goals {', '.join(f'{count} {verdict}' for verdict, count in verdicts.items())}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dev.simulate_report", description=__doc__)
    parser.add_argument(
        "--trace",
        type=Path,
        default=os.environ.get("TRACE") or None,
        help="a load curve beside the built-in ones: requests per second, one number a line (TRACE)",
    )
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "benchmarks" / "results", help="for the report and its pictures"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
