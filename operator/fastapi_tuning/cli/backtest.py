"""The verb that replays a service's own history. What it needs beyond the operator is imported when it runs."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from fastapi_tuning.cli.extra import module_with_extra
from fastapi_tuning.cli.prometheus_options import prometheus_options
from fastapi_tuning.errors import FastAPITuningError
from fastapi_tuning.observe.prometheus import PrometheusEndpoint

_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """`7d`, `36h`, `90m`, `30s` → seconds."""
    if value is None:
        return None
    match = _DURATION.fullmatch(value)
    if match is None or int(match[1]) == 0:
        raise click.BadParameter("write for example 7d, 36h, 90m or 30s")
    return int(match[1]) * _SECONDS_PER_UNIT[match[2]]


@click.command()
@click.argument("name")
@click.option("-n", "--namespace", default="default", show_default=True, help="Of the FastAPITuning and its target.")
@click.option("--since", default="7d", show_default=True, callback=_seconds, help="How far back: 7d, 36h, 90m.")
@click.option("--until", type=click.DateTime(), help="End of the history, UTC; now.")
@click.option("--spec", "spec_file", type=_EXISTING_FILE, help="Use this FastAPITuning; the cluster is not asked.")
@click.option("--step", callback=_seconds, help="Length of a slot, four scrapes at least; the rate window or longer.")
@click.option("--threads", type=click.IntRange(1, 1000), help="Threads a pod had; what the agent exported, or 40.")
@click.option(
    "--thread-change",
    default="live",
    show_default=True,
    type=click.Choice(("live", "restart")),
    help="How a thread count reaches the pods: through the agent, or by a rolling restart.",
)
@click.option("--async", "in_loop", is_flag=True, help="The endpoints are `async def`: they wait without a thread.")
@click.option("--startup-time", default="10s", show_default=True, help="From creation of a pod until it is ready.")
@click.option("--cpu-limit", default=1.0, show_default=True, type=click.FloatRange(0.05, 1.0), help="Cores a pod.")
@click.option("--connections", default=200, show_default=True, type=click.IntRange(1), help="Of all clients.")
@click.option("--most-hours", default=24.0, show_default=True, type=click.FloatRange(1.0), help="To simulate, twice.")
@click.option("--most-requests", default=5e6, show_default=True, type=click.FloatRange(1.0), help="To simulate, twice.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="The same seed, the same replay.")
@click.option("--output", default=Path("backtest"), show_default=True, type=click.Path(path_type=Path))
@prometheus_options
def backtest(
    *,
    name: str,
    namespace: str,
    since: int,
    until: datetime | None,
    spec_file: Path | None,
    step: int | None,
    threads: int | None,
    thread_change: str,
    in_loop: bool,
    startup_time: str,
    cpu_limit: float,
    connections: int,
    most_hours: float,
    most_requests: float,
    seed: int,
    output: Path,
    prometheus: PrometheusEndpoint,
) -> None:
    """Replay the history of the service that the FastAPITuning NAME tunes: as it was, and with the operator.

    Prints both against what was measured, and draws them in the folder OUTPUT. Nothing is changed.
    """
    backtesting = module_with_extra("fastapi_tuning.cli.backtesting")
    last_seconds = int(time.time() if until is None else until.replace(tzinfo=UTC).timestamp())
    try:
        spec = backtesting.spec_of(name, namespace, spec_file)
        history = backtesting.history(prometheus, namespace, spec, since=since, until=last_seconds, step=step)
        plan = backtesting.plan(history, spec, most_hours=most_hours, most_requests=most_requests, seed=seed)
        replica = backtesting.replica(
            history,
            threads=threads,
            thread_change=thread_change,
            in_loop=in_loop,
            startup_time=startup_time,
            cpu_limit=cpu_limit,
            connections=connections,
        )
        click.echo(backtesting.introduction(history, plan, replica))
        replays = backtesting.play(plan, replica, seed=seed)
    except (FastAPITuningError, backtesting.NothingToReplay, backtesting.ServiceTimeError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"\n{backtesting.table(plan, replays)}")
    output.mkdir(parents=True, exist_ok=True)
    pictures = backtesting.draw(plan, replays, output)
    click.echo("\n" + "\n".join(f"picture: {path}" for path in pictures))
