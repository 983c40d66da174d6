"""What counting adds to a call to others: `python -m benchmarks.agent.outbound` (needs valgrind).

Instructions of the process, as in `benchmarks.agent.instructions`: few and many calls, the difference is the calls'
alone. CPU time beside it, in turns of counted and uncounted processes: it tells the order of magnitude.
"""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.agent.outbound_path import CALLS
from dev.cluster.layout import REPOSITORY

FEW, MANY = 1000, 6000
TURNS, CALLS_OF_A_TURN = 5, 10_000
VARIANTS = {"off": {"FASTAPI_TUNING_OUTBOUND": "off"}, "on": {}}


def main() -> int:
    for library in CALLS:
        instructions = {name: _instructions_per_call(library, variables) for name, variables in VARIANTS.items()}
        microseconds = _microseconds_per_call(library)
        added = instructions["on"] - instructions["off"]
        print(
            json.dumps(
                {
                    "library": library,
                    "instructions_uncounted": round(instructions["off"]),
                    "instructions_added": round(added),
                    "added_percent": round(100 * added / instructions["off"], 1),
                    "microseconds_uncounted": round(microseconds["off"], 2),
                    "microseconds_added": round(microseconds["on"] - microseconds["off"], 2),
                    "load_average": round(os.getloadavg()[0], 1),
                }
            ),
            flush=True,
        )
    return 0


def _instructions_per_call(library: str, variables: Mapping[str, str]) -> float:
    few, many = (_instructions(library, calls, variables) for calls in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def _instructions(library: str, calls: int, variables: Mapping[str, str]) -> int:
    valgrind = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    (count,) = re.findall(r"I\s+refs:\s+([\d,]+)", _run(valgrind, library, calls, variables))
    return int(count.replace(",", ""))


def _microseconds_per_call(library: str) -> dict[str, float]:
    """Median of the turns."""
    taken: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(TURNS):
        for name, variables in VARIANTS.items():
            many, none = (_cpu_seconds(library, calls, variables) for calls in (CALLS_OF_A_TURN, 0))
            taken[name].append(1e6 * (many - none) / CALLS_OF_A_TURN)
    return {name: statistics.median(values) for name, values in taken.items()}


def _cpu_seconds(library: str, calls: int, variables: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run((), library, calls, variables)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(under: tuple[str, ...], library: str, calls: int, variables: Mapping[str, str]) -> str:
    run = subprocess.run(
        [*under, sys.executable, "-m", "benchmarks.agent.outbound_path", library, str(calls)],
        env={"PYTHONPATH": f"{REPOSITORY / 'agent'}:{REPOSITORY}", "PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
        | dict(variables),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stderr


if __name__ == "__main__":
    sys.exit(main())
