"""`python -m benchmarks.simulator_validation`: measure the cases on a cluster, compare, and record the figures.

Needs the development cluster with Prometheus and the images sample and postgres, and a machine with nothing else to do.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.simulator_validation.cases import CASES
from benchmarks.simulator_validation.real import measure, prepare
from benchmarks.simulator_validation.simulated import simulate
from dev.demo.kubectl import Kubectl
from dev.demo.prometheus import install_prometheus

RECORD = Path(__file__).with_name("recorded.json")


def main() -> int:
    """Prints one line a case, and writes the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator_validation", description=__doc__)
    parser.add_argument("--context", default=os.environ.get("KUBECONTEXT", ""), help="kubectl context")
    parser.add_argument("--case", choices=[case.name for case in CASES], help="measure one anew; default: all")
    options = parser.parse_args()
    kubectl = Kubectl(context=options.context)
    install_prometheus(kubectl, "localhost")
    prepare(kubectl)
    kept = json.loads(RECORD.read_text()) if options.case and RECORD.exists() else []
    recorded = [each for each in kept if each["case"] != options.case]
    for case in CASES:
        if options.case not in (None, case.name):
            continue
        print(f"{case.name}: measuring for about 3 min …", file=sys.stderr, flush=True)
        real = measure(kubectl, case)
        model = simulate(case, real)
        print(
            f"{case.name}: p50 {real.p50_seconds * 1000:.0f} ms, simulated {model.p50_seconds * 1000:.0f}; "
            f"p99 {real.p99_seconds * 1000:.0f} ms, simulated {model.p99_seconds * 1000:.0f}; "
            f"{real.answered_per_second:.1f} requests/s, simulated {model.answered_per_second:.1f}; "
            f"CPU {real.cpu_seconds_per_request * 1000:.2f} ms a request, "
            f"the generator was {real.generator_lag_p99_seconds * 1000:.0f} ms late",
            flush=True,
        )
        recorded.append({"case": case.name, **asdict(real)})
        RECORD.write_text(json.dumps(recorded, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
