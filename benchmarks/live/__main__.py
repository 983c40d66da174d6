"""`python -m benchmarks.live [CASE …]`: measure live tuning on a cluster, and print tables for benchmarks/results/.

Needs the development cluster (`make cluster`) and a machine with nothing else to do. Each case has a namespace of its
own, which goes when it is over.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from benchmarks.live.overload import async_overload, sync_overload, threads_follow_the_load
from benchmarks.live.pods import connections_follow_the_pods, settings_reach_every_pod
from dev.demo.kubectl import Kubectl
from dev.demo.ownership import refuse_tunings_of_others, refuse_what_others_have
from dev.demo.prometheus import install_prometheus
from dev.demo.release import install_operator
from dev.demo.service import Service, temporary_service

Case = Callable[[Service], tuple[Any, ...]]
CASES: Mapping[str, Case] = {
    "threads": threads_follow_the_load,
    "sync-without": lambda service: sync_overload(service, tuned=False),
    "sync": lambda service: sync_overload(service, tuned=True),
    "asyncio-without": lambda service: async_overload(service, tuned=False, loop="asyncio"),
    "asyncio": lambda service: async_overload(service, tuned=True, loop="asyncio"),
    "uvloop-without": lambda service: async_overload(service, tuned=False, loop="uvloop"),
    "uvloop": lambda service: async_overload(service, tuned=True, loop="uvloop"),
    "connections-off": lambda service: (connections_follow_the_pods(service, mode="Off"),),
    "connections": lambda service: (connections_follow_the_pods(service, mode="Auto"),),
    "pods": lambda service: (settings_reach_every_pod(service, pods=50, changes=10),),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"some of {', '.join(CASES)}; default: all")
    parser.add_argument("--context", default=os.environ.get("KUBECONTEXT", ""), help="kubectl context")
    options = parser.parse_args()
    if unknown := set(options.cases) - CASES.keys():
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    kubectl = Kubectl(context=options.context)
    refuse_what_others_have(kubectl)
    refuse_tunings_of_others(kubectl)
    install_prometheus(kubectl, "localhost")
    install_operator(kubectl, "localhost", watch_namespaces=())
    for name in options.cases or CASES:
        print(f"{name} …", file=sys.stderr, flush=True)
        with temporary_service(kubectl, "localhost") as service:
            for row in CASES[name](service):
                print(", ".join(f"{field}: {_text(value)}" for field, value in asdict(row).items()), flush=True)
    return 0


def _text(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
