"""`python -m benchmarks.testbed [CASE …]`: does the operator say what is broken? Exit code 0 if it does.

Two more: `database-versus-hpa`, the database case with this operator and with an HPA on latency, and
`shared-database`, two services with one budget of connections. Needs the development cluster with the images operator,
prometheus, sample and postgres, and a machine with little else to do. Each service has a namespace of its own, which
goes when it is over.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.testbed import database_versus_hpa, shared_database
from benchmarks.testbed.cases import CASES, INTERVAL_SECONDS, WINDOW_SECONDS, Case
from benchmarks.testbed.table import table
from benchmarks.testbed.verdict import Sighting, Verdict, judge, passed
from benchmarks.testbed.watch import watch
from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.ownership import refuse_tunings_of_others, refuse_what_others_have
from dev.demo.postgres import MAX_CONNECTIONS
from dev.demo.prometheus import install_prometheus
from dev.demo.release import install_operator
from dev.demo.service import temporary_service

DATABASE_VERSUS_HPA, SHARED_DATABASE = "database-versus-hpa", "shared-database"


def main() -> int:
    """Runs what is asked for, prints it as Markdown, and writes it to a file if one is named."""
    options = _arguments()
    kubectl = Kubectl(context=options.context)
    refuse_what_others_have(kubectl)
    refuse_tunings_of_others(kubectl)
    install_prometheus(kubectl, "localhost")
    install_operator(kubectl, "localhost", watch_namespaces=())
    if options.what == [DATABASE_VERSUS_HPA]:
        text, well = _database_versus_hpa(kubectl)
    elif options.what == [SHARED_DATABASE]:
        text, well = _shared_database(kubectl, options.minutes)
    else:
        text, well = _cases(kubectl, [case for case in CASES if case.name in (options.what or _NAMES)], options.at_once)
    print(text, flush=True)
    if options.output is not None:
        with options.output.open("a") as file:
            file.write(text + "\n")
    return 0 if well else 1


_NAMES = [case.name for case in CASES]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.testbed", description=__doc__)
    parser.add_argument(
        "what",
        nargs="*",
        metavar="CASE",
        help=f"some of {', '.join(_NAMES)} (default: all), or {DATABASE_VERSUS_HPA}, or {SHARED_DATABASE}",
    )
    parser.add_argument("--output", type=Path, help="Markdown file that the result is added to")
    parser.add_argument("--at-once", type=int, default=1, choices=(1, 2), help="light cases that run at a time")
    parser.add_argument("--minutes", type=int, default=60, choices=range(1, 61), metavar="1…60", help=SHARED_DATABASE)
    parser.add_argument("--context", default=os.environ.get("KUBECONTEXT", ""), help="kubectl context")
    options = parser.parse_args()
    is_one_of_two = options.what in ([DATABASE_VERSUS_HPA], [SHARED_DATABASE])
    if not is_one_of_two and (unknown := set(options.what) - set(_NAMES)):
        parser.error(f"no such case, or not together with others: {', '.join(sorted(unknown))}")
    return options


def _cases(kubectl: Kubectl, cases: Sequence[Case], at_once: int) -> tuple[str, bool]:
    """The light ones first, some at a time, then those that need the machine for themselves."""

    def run(case: Case) -> Verdict:
        print(f"{case.name}: about two minutes …", file=sys.stderr, flush=True)
        sightings: list[Sighting] = []
        try:
            with temporary_service(kubectl, "localhost") as service:
                sightings = watch(service, case)
        except KubectlFailed as failure:  # the other cases are worth having
            print(f"{case.name}: {failure}", file=sys.stderr, flush=True)
        for sighting in sightings:
            print(f"{case.name}: {sighting}", file=sys.stderr, flush=True)
        return judge(case, sightings, INTERVAL_SECONDS)

    with ThreadPoolExecutor(max_workers=at_once) as executor:
        light = list(executor.map(run, [case for case in cases if not case.alone]))
    found = {verdict.case.name: verdict for verdict in [*light, *map(run, [case for case in cases if case.alone])]}
    verdicts = [found[case.name] for case in cases]
    head = (
        f"## What is broken, and what was named\n\nA cycle each {INTERVAL_SECONDS} s, rates over {WINDOW_SECONDS} s.\n"
    )
    return f"{head}\n{table(verdicts)}", passed(verdicts)


def _database_versus_hpa(kubectl: Kubectl) -> tuple[str, bool]:
    courses = database_versus_hpa.compare(kubectl)
    head = "## A full database: replicas with this operator and with an HPA on latency\n"
    return f"{head}\n{database_versus_hpa.table(courses)}", database_versus_hpa.passed(*courses)


def _shared_database(kubectl: Kubectl, minutes: int) -> tuple[str, bool]:
    hour = shared_database.share_one_database(kubectl, minutes)
    head = f"## Two services, one database of {MAX_CONNECTIONS} connections, {minutes} minutes\n"
    return f"{head}\n{shared_database.report(hour)}", hour.passed


if __name__ == "__main__":
    sys.exit(main())
