"""Back-tests for the command line: Prometheus → history → replays → table and pictures. Needs the extra `simulate`."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.cli.backtest_picture import draw_backtest
from fastapi_tuning.cli.cluster import read_tuning
from fastapi_tuning.cli.run_picture import draw_run
from fastapi_tuning.cli.simulation import acting, read_spec
from fastapi_tuning.observe.history import Moment
from fastapi_tuning.observe.history_reader import HistoryTarget, TimeRange, read_moments, read_preset
from fastapi_tuning.observe.presets import Preset
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint
from fastapi_tuning.simulate.app import Execution
from fastapi_tuning.simulate.backtest import BackTest, Judged, Replay, Replica, back_test, replay
from fastapi_tuning.simulate.fit import ServiceFit, Spread, app_of, fit
from fastapi_tuning.simulate.past import NothingToReplay, Past, past_of, stretches
from fastapi_tuning.simulate.sampling import WARM_UP_SECONDS, Budget, Window, blocks, chosen, merged
from fastapi_tuning.simulate.service_times import Constant, ServiceTimeError, parse_seconds
from fastapi_tuning.simulate.tuned import ThreadChange

__all__ = [
    "NothingToReplay",
    "ServiceTimeError",
    "draw",
    "history",
    "introduction",
    "plan",
    "play",
    "replica",
    "spec_of",
    "table",
]

_MOST_POINTS = 10_080
"""Of a week, one a minute."""
_STEP_GRAIN_SECONDS = 15
_READ_TIMEOUT_SECONDS = 60.0
_ANYIO_THREADS = 40
_TRUSTED_AGREEMENT = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadHistory:
    """What Prometheus gave: every moment of the range, and the arrays and the fit that were made of them."""

    name: str
    preset: Preset
    span: TimeRange
    past: Past
    fit: ServiceFit


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is simulated of a history, and to which objective it is held."""

    past: Past
    spec: FastAPITuningSpec
    windows: tuple[Window, ...]
    judgeable_slots: int

    @property
    def judged_slots(self) -> int:
        return sum(window.end - window.judged for window in self.windows)


def spec_of(name: str, namespace: str, spec_file: Path | None) -> FastAPITuningSpec:
    """From the file, or of the object in the cluster; in mode Auto.

    Raises:
        click.ClickException: the file holds no FastAPITuning.
        FastAPITuningError: no cluster, no such object, or one that our models refuse.
    """
    return acting(asyncio.run(read_tuning(namespace, name)).spec) if spec_file is None else read_spec(spec_file)


def history(
    prometheus: PrometheusEndpoint, namespace: str, spec: FastAPITuningSpec, *, since: int, until: int, step: int | None
) -> ReadHistory:
    """Read the past of the target, all times in seconds.

    Raises:
        MetricsUnavailable: Prometheus cannot be read, or has nothing.
        NothingToReplay: there was no request.
    """
    step_seconds = step or step_for(since, spec.metrics.window_seconds)
    span = TimeRange(
        last_seconds=until // step_seconds * step_seconds,
        points=max(1, since // step_seconds),
        step_seconds=step_seconds,
    )
    target = HistoryTarget(
        namespace=namespace,
        deployment=spec.target_ref.name,
        metrics=spec.metrics,
        threshold_seconds=spec.objectives.latency.threshold_seconds,
    )
    # An answer about hours takes longer than one about a moment, and nobody waits for the next cycle.
    reader = PrometheusClient(replace(prometheus, read_timeout_seconds=_READ_TIMEOUT_SECONDS))
    preset = read_preset(reader, target, span)
    moments: list[Moment] = []
    with click.progressbar(span.chunks(), label="reading the history", file=sys.stderr) as chunks:
        for chunk in chunks:
            moments += read_moments(reader, target, preset, chunk)
    return ReadHistory(
        name=f"{namespace}/{spec.target_ref.name}",
        preset=preset,
        span=span,
        past=past_of(moments, step_seconds),
        fit=fit(moments),
    )


def step_for(since_seconds: int, window_seconds: int) -> int:
    """Rates over a shorter time than the operator's own window have too few scrapes; more points are too many."""
    least = max(window_seconds, since_seconds / _MOST_POINTS)
    return int(-(-least // _STEP_GRAIN_SECONDS)) * _STEP_GRAIN_SECONDS


def plan(found: ReadHistory, spec: FastAPITuningSpec, *, most_hours: float, most_requests: float, seed: int) -> Plan:
    """What to simulate within the budget.

    Raises:
        NothingToReplay: no stretch of the history is long enough.
    """
    everything = blocks(found.past.covered, found.past.slot_seconds)
    budget = Budget(seconds=3600 * most_hours, requests=most_requests)
    drawn = chosen(everything, found.past, budget, np.random.default_rng(seed))
    return Plan(
        past=found.past,
        spec=spec,
        windows=merged(drawn),
        judgeable_slots=sum(block.end - block.judged for block in everything),
    )


def replica(
    found: ReadHistory,
    *,
    threads: int | None,
    thread_change: str,
    in_loop: bool,
    startup_time: str,
    cpu_limit: float,
    connections: int,
) -> Replica:
    """The service to replay on.

    Raises:
        ServiceTimeError: the start-up time is no duration.
    """
    return Replica(
        app=app_of(
            found.fit,
            execution=Execution.LOOP if in_loop else Execution.THREAD,
            startup=Constant(seconds=parse_seconds(startup_time)),
            cpu_cores=cpu_limit,
        ),
        connections=connections,
        threads=threads or found.fit.threads or _ANYIO_THREADS,
        thread_change=ThreadChange(thread_change),
    )


def introduction(found: ReadHistory, planned: Plan, on: Replica) -> str:
    """What was found, and what of it is simulated."""
    past, fitted = found.past, found.fit
    end = datetime.fromtimestamp(found.span.last_seconds, tz=UTC)
    judged, judgeable = (_hours(slots * past.slot_seconds) for slots in (planned.judged_slots, planned.judgeable_slots))
    cpu = "not exported, taken as 0" if fitted.cpu_seconds is None else _milliseconds(fitted.cpu_seconds)
    lines = [
        f"{found.name}, {_hours(len(past.offered) * past.slot_seconds)} until {end:%Y-%m-%d %H:%M} UTC, "
        f"{found.preset.source}, slots of {past.slot_seconds} s",
        f"covered   {_coverage(past)}",
        f"latency   {_milliseconds(fitted.latency_seconds)} where nothing queues; lognormal, sigma {fitted.sigma:.2f}",
        f"CPU       {cpu} a request; {on.threads} threads a pod; {fitted.error_ratio:.2%} failed in the median slot",
        f"late      above {past.edge_seconds * 1000:g} ms, the bucket edge for the objective of "
        f"{planned.spec.objectives.latency.threshold_milliseconds} ms",
    ]
    if planned.judged_slots < planned.judgeable_slots:
        lines.append(
            f"simulated {judged} of {judgeable}: {len(planned.windows)} windows drawn evenly over the history "
            "(--most-hours, --most-requests)"
        )
    else:
        lines.append(f"simulated all of the {judgeable} that can be judged")
    lines.append(f"          each window with {WARM_UP_SECONDS // 60} min before it that count for nothing")
    return "\n".join(lines)


def _coverage(past: Past) -> str:
    gaps = [end - first for first, end in stretches(~past.covered)]
    whole = len(past.offered) * past.slot_seconds
    text = f"{_hours(past.covered_seconds)} of {_hours(whole)} ({past.covered_seconds / whole:.0%})"
    if gaps:
        text += f"; gaps, which count for nothing: {len(gaps)}, the longest {_hours(max(gaps) * past.slot_seconds)}"
    return text


def _milliseconds(spread: Spread) -> str:
    return f"{spread.typical * 1e3:.1f} ms (90 % of the slots: {spread.low * 1e3:.1f} to {spread.high * 1e3:.1f})"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} h"


def play(planned: Plan, on: Replica, *, seed: int) -> tuple[Replay, ...]:
    """Simulate every window twice."""
    with click.progressbar(planned.windows, label="simulating", file=sys.stderr) as windows:
        return tuple(
            replay(planned.past, window, planned.spec, on, seed=seed + number) for number, window in enumerate(windows)
        )


def table(planned: Plan, replays: Sequence[Replay]) -> str:
    """Measured, replayed as it was, replayed with us; then what the difference is worth, and whether to trust it."""
    found = back_test(replays)
    columns = (found.measured, found.as_it_was, found.with_us)
    header = f"{'':18} {'measured':>12} {'as it was':>12} {'with us':>12}"
    rows = (
        ("requests", [f"{each.requests:,.0f}" for each in columns]),
        ("bad requests", [f"{each.bad_share:.2%}" for each in columns]),
        ("violation seconds", [f"{each.violation_seconds:,}" for each in columns]),
        ("replica-hours", [f"{each.replica_seconds / 3600:,.2f}" for each in columns]),
    )
    lines = [header, *(f"{name:18} " + " ".join(f"{cell:>12}" for cell in cells) for name, cells in rows), ""]
    return "\n".join([*lines, *_worth(planned, found.as_it_was, found.with_us), _trust(found)])


def _worth(planned: Plan, as_it_was: Judged, with_us: Judged) -> list[str]:
    """With us against as it was, both simulated: what the model gets wrong, it gets wrong in both."""
    seconds = as_it_was.violation_seconds - with_us.violation_seconds
    saved = (as_it_was.replica_seconds - with_us.replica_seconds) / 3600
    share = saved * 3600 / as_it_was.replica_seconds
    lines = [f"with us: {seconds:+,} violation seconds saved, {saved:+,.2f} replica-hours saved ({share:+.0%})"]
    if planned.judged_slots < planned.judgeable_slots:
        scale = planned.judgeable_slots / planned.judged_slots
        lines.append(
            f"scaled to the {_hours(planned.judgeable_slots * planned.past.slot_seconds)} that can be judged: "
            f"{seconds * scale:+,.0f} violation seconds, {saved * scale:+,.1f} replica-hours saved"
        )
    return lines


def _trust(found: BackTest) -> str:
    said = f"model: replay and history agree whether a slot is violated in {found.agreement:.1%} of the slots"
    if found.agreement < _TRUSTED_AGREEMENT:
        return f"{said}: too few to trust the difference"
    return said


def draw(planned: Plan, replays: Sequence[Replay], folder: Path) -> tuple[Path, ...]:
    """Write the picture of all, and two of the window where the replays differ most."""
    paths = tuple(folder / name for name in ("backtest.png", "window-as-it-was.png", "window-with-us.png"))
    objective_seconds = planned.spec.objectives.latency.threshold_seconds
    telling = max(replays, key=lambda each: abs(each.as_it_was_judged.bad - each.with_us_judged.bad))
    draw_backtest(planned.past, replays, paths[0])
    draw_run(telling.as_it_was, objective_seconds, paths[1])
    draw_run(telling.with_us, objective_seconds, paths[2])
    return paths
