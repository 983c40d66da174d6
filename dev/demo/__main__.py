"""`python -m dev.demo`: install, deploy the badly tuned service, apply a FastAPITuning, drive load, judge the end."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.observer import observe
from dev.demo.ownership import (
    NAMESPACE,
    PROMETHEUS_NAMESPACE,
    RELEASE_NAMESPACE,
    NotOurs,
    refuse_what_others_have,
    renew_namespace,
)
from dev.demo.prometheus import install_prometheus
from dev.demo.release import install_operator
from dev.demo.sample_service import NAME, load_profile, sample_manifest
from dev.demo.timeline import (
    Moment,
    NothingMeasured,
    Summary,
    seconds_to_objective,
    shortcomings,
    summary,
    table,
)
from dev.demo.view import draw, screen
from fastapi_tuning.load.profile import Profile

REPOSITORY = Path(__file__).resolve().parents[2]
THRESHOLD_SECONDS, TARGET_RATIO, MAX_ERROR_RATIO = 0.5, 0.99, 0.001
STEP_SECONDS, END_SECONDS, JUDGED_SECONDS = 40.0, 300.0, 60.0
UNTUNED_SECONDS = 20.0
"""After the load step: the operator has hardly acted yet."""
SAMPLE_PERIOD_SECONDS = 3.0


def main() -> int:
    options = _options()
    console = Console(markup=False)
    kubectl = Kubectl(context=options.context)
    try:
        refuse_what_others_have(kubectl)
        _step(console, "Prometheus", lambda: install_prometheus(kubectl, options.registry))
        _step(console, "operator (Helm)", lambda: _operator(kubectl, options.registry))
        _step(console, "sample service, badly tuned", lambda: _sample(kubectl, options.registry))
        _step(console, "load generator", lambda: _load(kubectl, options.registry))
        moments = _watch(console, kubectl)
    except (KubectlFailed, NotOurs) as error:
        console.print(f"✗ {error}", style="red")
        return 1
    return judge(console, moments, load_profile(_manifest("load", options.registry)), options.output)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m dev.demo",
        description=__doc__,
        epilog="Prometheus runs from REGISTRY/prometheus:dev, or from the image that PROMETHEUS_IMAGE names. "
        f"Everything happens in the namespaces {NAMESPACE}, {PROMETHEUS_NAMESPACE} and {RELEASE_NAMESPACE}; what is "
        "there and not of an earlier run is refused. Exit code 0 only if the objective holds at the end.",
    )
    parser.add_argument(
        "--context",
        default=os.environ.get("KUBECONTEXT", ""),
        help="kubectl context (KUBECONTEXT; default: the current one)",
    )
    parser.add_argument(
        "--registry",
        default=os.environ.get("IMAGE_REGISTRY") or "localhost",
        help="where fastapi-tuning-operator:dev and fastapi-tuning-sample:dev are "
        "(IMAGE_REGISTRY; default: %(default)s)",
    )
    parser.add_argument(
        "--output", type=Path, default=REPOSITORY / "build" / "demo", help="for the picture and the table"
    )
    return parser.parse_args()


def _step(console: Console, name: str, action: Callable[[], None]) -> None:
    started = time.monotonic()
    with console.status(f"{name} …"):
        action()
    console.print(f"  ✓ {name} ({time.monotonic() - started:.0f} s)")


def _operator(kubectl: Kubectl, registry: str) -> None:
    """It may act in the demonstration's namespace alone, which goes first: it holds what an earlier run tuned."""
    renew_namespace(kubectl, NAMESPACE)
    install_operator(kubectl, registry, watch_namespaces=[NAMESPACE])


def _sample(kubectl: Kubectl, registry: str) -> None:
    for name in ("deployment", "service", "tuning"):
        _apply(kubectl, name, registry)
    kubectl.await_rollout(NAMESPACE, NAME)


def _apply(kubectl: Kubectl, name: str, registry: str) -> None:
    kubectl.apply(json.dumps(_manifest(name, registry)))


def _manifest(name: str, registry: str) -> dict[str, Any]:
    return sample_manifest(name, namespace=NAMESPACE, registry=registry)


def _load(kubectl: Kubectl, registry: str) -> None:
    _apply(kubectl, "load", registry)
    # Of the Job, not of its pod: the pod need not exist yet, and a wait for nothing fails.
    kubectl.run("wait", "--namespace", NAMESPACE, "--for=jsonpath={.status.ready}=1", "job/load", "--timeout=60s")


def _watch(console: Console, kubectl: Kubectl) -> list[Moment]:
    """Sample until the end; a call that fails once is a gap, not the end of the run."""
    started = time.monotonic()
    moments: list[Moment] = []
    with Live(console=console, refresh_per_second=2) as live:
        while (seconds := time.monotonic() - started) < END_SECONDS:
            try:
                moment = observe(kubectl, NAMESPACE, NAME, seconds=seconds, threshold_seconds=THRESHOLD_SECONDS)
            except KubectlFailed as error:
                live.console.print(f"  (no sample: {error})", style="dim")
            else:
                moments.append(moment)
                live.update(screen(moment, end_seconds=END_SECONDS, threshold_seconds=THRESHOLD_SECONDS))
            time.sleep(max(0.0, SAMPLE_PERIOD_SECONDS - (time.monotonic() - started - seconds)))
    return moments


def judge(console: Console, moments: list[Moment], profile: Profile, output: Path) -> int:
    """Say what came of it, and record it in the folder `output`; the exit code, 0 only if the objective held."""
    judged = (END_SECONDS - JUDGED_SECONDS, END_SECONDS)
    try:
        before, after = summary(moments, STEP_SECONDS, STEP_SECONDS + UNTUNED_SECONDS), summary(moments, *judged)
        found = shortcomings(
            moments,
            *judged,
            due_per_second=profile.rate_at,
            target_ratio=TARGET_RATIO,
            max_error_ratio=MAX_ERROR_RATIO,
        )
    except NothingMeasured as error:
        console.print(f"✗ nothing to judge: {error}", style="red")
        return 1
    _record(output, moments, before, after)
    console.print(table(before, after))
    console.print(f"picture, table and samples: {output}")
    for shortcoming in found:
        console.print(f"✗ in the last {JUDGED_SECONDS:.0f} s {shortcoming}", style="red")
    if found:
        return 1
    recovered = seconds_to_objective(moments, STEP_SECONDS, TARGET_RATIO)
    since = "" if recovered is None else f", for good since {recovered:.0f} s after the load step"
    console.print(f"✓ the objective holds{since}", style="green")
    return 0


def _record(output: Path, moments: list[Moment], before: Summary, after: Summary) -> None:
    output.mkdir(parents=True, exist_ok=True)
    draw(moments, output / "demo.png", threshold_seconds=THRESHOLD_SECONDS)
    (output / "demo.md").write_text(table(before, after))
    (output / "demo.json").write_text(json.dumps([asdict(moment) for moment in moments], indent=1))


if __name__ == "__main__":
    sys.exit(main())
