"""Instructions that the agent adds to a minimal request: `python -m benchmarks.agent.instructions` (needs valgrind).

Time on a shared machine cannot resolve one part in a hundred; the number of instructions does not depend on what else
runs. Each variant is run with few and with many requests: the difference is the requests' alone.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

from dev.cluster.layout import REPOSITORY
from tests.integration.agent.environments import CURRENT, ready

VARIANTS = ("plain", "counted", "limited")
FEW, MANY = 200, 1200


def main() -> int:
    per_request = {
        variant: (_instructions(variant, MANY) - _instructions(variant, FEW)) / (MANY - FEW) for variant in VARIANTS
    }
    plain = per_request["plain"]
    for variant, instructions in per_request.items():
        added_percent = round(100 * (instructions / plain - 1), 2)
        print(json.dumps({"variant": variant, "instructions": round(instructions), "added_percent": added_percent}))
    return 0


def _instructions(variant: str, requests: int) -> int:
    run = subprocess.run(
        [
            *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
            *(ready(CURRENT).program("python"), "-m", "benchmarks.agent.request_path", variant, str(requests)),
        ],
        env={"PYTHONPATH": f"{REPOSITORY / 'agent'}:{REPOSITORY}", "PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    (count,) = re.findall(r"I\s+refs:\s+([\d,]+)", run.stderr)
    return int(count.replace(",", ""))


if __name__ == "__main__":
    sys.exit(main())
