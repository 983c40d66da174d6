"""Simulates for the command line: options → models, run → table and picture. Needs the extra `simulate`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
import yaml
from pydantic import ValidationError

from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.api.status import Decision
from fastapi_tuning.cli.run_picture import draw_run
from fastapi_tuning.cli.service_options import ServiceOptions
from fastapi_tuning.control.cycle import Outcome
from fastapi_tuning.report.status import decisions_of, moves_among
from fastapi_tuning.simulate.app import AppModel, ClusterModel, Database, Endpoint, Execution
from fastapi_tuning.simulate.run import Start, run
from fastapi_tuning.simulate.scaler import FloatArray, Run
from fastapi_tuning.simulate.service_times import ServiceTimeError, parse_seconds, parse_service_time
from fastapi_tuning.simulate.shapes import SHAPES, TraceError, read_trace, scaled
from fastapi_tuning.simulate.steady import steady
from fastapi_tuning.simulate.tuned import ThreadChange, Tuned

__all__ = ["Start", "acting", "draw", "load", "play", "read_spec", "steady_table", "table"]

_PEAK_OF_SHAPES = 200.0
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_HEADER = (
    f"{'minute':>6} {'offered/s':>9} {'p99 ms':>7} {'bad %':>6} {'shed %':>6} {'pods':>5} {'threads':>7}  last decision"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A run, the objective it was held to, and what the law decided when (simulated seconds)."""

    run: Run
    spec: FastAPITuningSpec
    outcomes: tuple[tuple[float, Outcome], ...]


def read_spec(path: Path) -> FastAPITuningSpec:
    """The spec in a FastAPITuning, or on its own, in mode Auto.

    Raises:
        click.ClickException: no YAML, or no such spec; the message names the fields.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise click.ClickException(f"{path} holds no FastAPITuning")
    try:
        spec = FastAPITuningSpec.model_validate(content.get("spec", content))
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise click.ClickException("\n".join([f"{path} is no valid FastAPITuning:", *lines])) from error
    return acting(spec)


def acting(spec: FastAPITuningSpec) -> FastAPITuningSpec:
    """The spec in mode Auto: a simulation does what else would only be said."""
    return spec.model_copy(update={"mode": Mode.AUTO, "suspend": False})


def load(trace: Path | None, shape: str | None, *, peak: float | None, seconds: int, seed: int) -> FloatArray:
    """Mean requests per second of each second."""
    if trace is None:
        return SHAPES[shape or "constant"](seconds, peak or _PEAK_OF_SHAPES, np.random.default_rng(seed))
    try:
        rates = read_trace(trace)
    except TraceError as error:
        raise click.ClickException(str(error)) from error
    return rates if peak is None else scaled(rates, peak)


def play(
    spec: FastAPITuningSpec,
    rates: FloatArray,
    service: ServiceOptions,
    *,
    start: Start,
    thread_change: str,
    seed: int,
) -> Played:
    """Let the law tune the service under this load."""
    tuned = Tuned(spec=spec, thread_change=ThreadChange(thread_change), cpu_limit_cores=service.cpu_limit)
    result = run(
        app=_app(service),
        rates=rates,
        scaler=tuned,
        start=start,
        objective_seconds=spec.objectives.latency.threshold_seconds,
        seed=seed,
        cluster=ClusterModel(connections=service.connections),
    )
    return Played(run=result, spec=spec, outcomes=tuple(tuned.outcomes))


def _app(service: ServiceOptions) -> AppModel:
    try:
        query = None if service.query_time is None else parse_service_time(service.query_time)
        endpoint = Endpoint(
            execution=Execution.LOOP if service.in_loop else Execution.THREAD,
            cpu=parse_service_time(service.cpu_time),
            wait=parse_service_time(service.service_time),
            tokens=service.tokens,
            query=query,
        )
        return AppModel(
            endpoints=(endpoint,),
            framework_cpu_seconds=parse_seconds(service.framework_cpu_time),
            database=None if query is None else Database(servers=service.database_servers),
            database_pool=service.database_pool,
            cpu_cores=service.cpu_limit,
            startup=parse_service_time(service.startup_time),
        )
    except ServiceTimeError as error:
        raise click.ClickException(str(error)) from error


def table(played: Played) -> str:
    """A line a minute, and the whole."""
    result = played.run
    lines = [_HEADER]
    for first in range(0, result.seconds, 60):
        lines.append(_line(played, first, min(first + 60, result.seconds)))
    offered = max(1.0, result.offered.sum())
    lines.append(
        f"whole run: {result.offered.sum():,.0f} requests, {1 - result.good.sum() / offered:.2%} bad "
        f"({result.late.sum() / offered:.2%} late, {result.failed.sum() / offered:.2%} failed, "
        f"{result.shed.sum() / offered:.2%} shed), {result.pods_created.sum() / 3600:.2f} pod hours"
    )
    return "\n".join(lines)


def _line(played: Played, first: int, end: int) -> str:
    result, part = played.run, slice(first, end)
    latencies = result.latency_seconds[(result.arrival_second >= first) & (result.arrival_second < end)]
    latencies = latencies[~np.isnan(latencies)]
    p99 = f"{np.quantile(latencies, 0.99) * 1000:7.0f}" if len(latencies) else f"{'–':>7}"
    offered = result.offered[part].sum()
    bad, shed = offered - result.good[part].sum(), result.shed[part].sum()
    said = _last_decision(outcome for time, outcome in played.outcomes if first <= time < end)
    return (
        f"{first // 60:6} {offered / (end - first):9.1f} {p99} {_percent(bad, offered)} {_percent(shed, offered)} "
        f"{result.pods_ready[end - 1]:5.0f} {result.threads[end - 1]:7.0f}  {said}"
    )


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:6.2f}" if whole else f"{'–':>6}"


def _last_decision(outcomes: Iterable[Outcome]) -> str:
    """The last move of the minute; without one, what was wished last and what kept it from happening."""
    decisions = [decision for outcome in outcomes for decision in decisions_of(outcome, {}, _ANY_TIME)]
    last = next(iter([*reversed(moves_among(decisions)), *reversed(decisions)]), None)
    return "" if last is None else _text(last)


def _text(decision: Decision) -> str:
    why = decision.guard if decision.from_value == decision.to_value else decision.reason
    return f"{decision.step} ({why})"


def draw(played: Played, path: Path) -> None:
    """Write the picture of the run."""
    draw_run(played.run, played.spec.objectives.latency.threshold_seconds, path)


def steady_table(service: ServiceOptions, rate: float, start: Start, *, objective: str, seconds: int, seed: int) -> str:
    """What a service does at a constant load."""
    app = _app(service)
    try:
        objective_seconds = parse_seconds(objective)
    except ServiceTimeError as error:
        raise click.ClickException(str(error)) from error
    found = steady(
        app,
        requests_per_second=rate,
        start=start,
        objective_seconds=objective_seconds,
        seconds=seconds,
        seed=seed,
        cluster=ClusterModel(connections=service.connections),
    )
    rows = (
        ("p50", f"{found.p50_seconds * 1000:.1f} ms"),
        ("p99", f"{found.p99_seconds * 1000:.1f} ms"),
        ("answered", f"{found.answered_per_second:.1f} requests/s of {rate:g}"),
        ("good", f"{found.good_ratio:.2%}"),
        ("shed", f"{found.shed_ratio:.2%}"),
        ("failed", f"{found.failed_ratio:.2%}"),
        ("CPU per pod", f"{found.cpu_cores_per_pod:.3f} cores"),
    )
    return "\n".join(f"{name:12} {value}" for name, value in rows)
