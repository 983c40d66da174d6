"""`python -m dev.chaos [NAME …]`: exit code 0 if the service and its tuning lived through everything as they should.

Needs the development cluster with the images operator, prometheus and sample; all that it breaks, it mends. It takes
about 45 minutes, with --short about ten.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dev.chaos.audit_log import read_writes
from dev.chaos.faults import BREAKAGES, LEASE_SECONDS, Breakage
from dev.chaos.record import Moment, Record
from dev.chaos.stage import ACCOUNT, INTERVAL_SECONDS, RATE_PER_SECOND, Stage, needed_pods, stage
from dev.chaos.table import inserted, table
from dev.chaos.verdict import Expected, Seen, Verdict, judge
from dev.cluster.layout import layout_from_environment
from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.ownership import NotOurs, refuse_tunings_of_others, refuse_what_others_have

_CALM_SECONDS = 20.0
_PATIENCE_SECONDS = 240.0
_RECOVERY_SECONDS = 75.0
"""Long enough to see what comes after two cycles too."""
_SURGE_LEAD_SECONDS = 10.0
_LOAD_SECONDS_EACH = 420


def main() -> int:
    """Breaks what is asked for, prints the table, and puts it into a document if one is named."""
    options = _arguments()
    chosen = [each for each in BREAKAGES if _is_chosen(each, options)]
    kubectl = Kubectl()
    try:
        refuse_what_others_have(kubectl)
        refuse_tunings_of_others(kubectl)
        with stage(kubectl, layout_from_environment()) as where:
            rows = _break(where, chosen)
    except (NotOurs, KubectlFailed) as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    text = table(rows)
    print(text)
    if options.into is not None:
        options.into.write_text(inserted(options.into.read_text(), text))
    return 0 if all(verdict.passed for *_, verdict in rows) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dev.chaos", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", choices=[[], *(each.name for each in BREAKAGES)], help="without any: all"
    )
    parser.add_argument("--short", action="store_true", help="a few, as in continuous integration")
    parser.add_argument("--into", type=Path, help="document whose table this becomes")
    return parser.parse_args()


def _is_chosen(breakage: Breakage, options: argparse.Namespace) -> bool:
    if options.names:
        return breakage.name in options.names
    return breakage.in_short or not options.short


def _break(where: Stage, chosen: Sequence[Breakage]) -> list[tuple[str, int, Verdict]]:
    rows = list[tuple[str, int, Verdict]]()
    where.offer(_LOAD_SECONDS_EACH * len(chosen))
    with Record(service=where.service).kept() as record:
        for breakage in chosen:
            print(f"{breakage.name}: {breakage.what} …", flush=True)
            needed = needed_pods(RATE_PER_SECOND)
            verdict = _judged(where, record, breakage, needed)
            print(f"{breakage.name}: {'; '.join(verdict.failures) or 'passed'}", flush=True)
            rows.append((breakage.what, needed, verdict))
    return rows


def _judged(where: Stage, record: Record, breakage: Breakage, needed: int) -> Verdict:
    before = _calm(record, needed)
    events, answers = where.service.reasons(), where.answers()
    if breakage.surge_per_second:
        where.surge(breakage.surge_per_second, breakage.seconds + int(_RECOVERY_SECONDS))
        time.sleep(_SURGE_LEAD_SECONDS)
    begun = time.time()
    with breakage.broken(where):
        time.sleep(breakage.seconds)
    over = time.time()
    time.sleep(_RECOVERY_SECONDS)
    after = where.answers()
    answered, failed = after.total - answers.total, after.failed - answers.failed
    writes = read_writes(where.layout.audit_log, user=ACCOUNT, namespace=where.service.namespace)
    seen = Seen(
        over=over,
        before=before,
        moments=record.between(begun, time.time()),
        writes=[write for write in writes if write.seconds >= begun],
        events=frozenset(where.service.reasons() - events),
        answered=answered,
        failed=failed,
        late=answered - failed - (after.fast - answers.fast),
    )
    expected = Expected(
        needed_pods=needed,
        interval_seconds=INTERVAL_SECONDS,
        tells=breakage.tells,
        lease_seconds=LEASE_SECONDS if breakage.changes_leader else 0.0,
        interrupts_clients=breakage.interrupts_clients,
    )
    return judge(seen, expected)


def _calm(record: Record, needed: int) -> Moment:
    """Wait until the service has been well for a while.

    Raises:
        KubectlFailed: it never was.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(1.0)
        now = time.time()
        lately = record.between(now - _CALM_SECONDS, now)
        if len(lately) > _CALM_SECONDS / 2 and all(_is_well(moment, needed) for moment in lately):
            return lately[-1]
    raise KubectlFailed(f"the service was not well within {_PATIENCE_SECONDS:.0f} s")


def _is_well(moment: Moment, needed: int) -> bool:
    return (
        moment.ready == moment.replicas >= needed
        and moment.says("Ready", "True")
        and moment.says("MetricsAvailable", "True")
        and moment.says("ObjectiveMet", "True")
    )


if __name__ == "__main__":
    sys.exit(main())
