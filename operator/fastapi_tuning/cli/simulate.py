"""The verbs that simulate. What they need beyond the operator is imported when they run: its image goes without."""

from pathlib import Path

import click

from fastapi_tuning.cli.extra import module_with_extra
from fastapi_tuning.cli.service_options import ServiceOptions, service_options

SHAPES = ("constant", "step", "spike", "ramp", "diurnal", "noisy", "bursty", "night-to-morning")
_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--spec", "spec_file", required=True, type=_EXISTING_FILE, help="A FastAPITuning as YAML, or its spec.")
@click.option("--trace", type=_EXISTING_FILE, help="Load: requests per second, one number a line, a line a second.")
@click.option("--shape", type=click.Choice(SHAPES), help="Load: a built-in curve.")
@click.option("--peak", type=click.FloatRange(0.1, 20_000), help="Highest requests/s; 200 for a shape, a trace's own.")
@click.option("--minutes", default=30, show_default=True, type=click.IntRange(1, 1440), help="Length of a shape.")
@click.option("--replicas", type=click.IntRange(1, 1000), help="Pods at the start; the least that the spec allows.")
@click.option("--threads", default=40, show_default=True, type=click.IntRange(1, 1000), help="Threads at the start.")
@click.option(
    "--thread-change",
    default="live",
    show_default=True,
    type=click.Choice(("live", "restart")),
    help="How a thread count reaches the pods: through the agent, or by a rolling restart.",
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="The same seed, the same run.")
@click.option("--output", default=Path("simulation"), show_default=True, type=click.Path(path_type=Path))
@service_options
def simulate(
    *,
    spec_file: Path,
    trace: Path | None,
    shape: str | None,
    peak: float | None,
    minutes: int,
    replicas: int | None,
    threads: int,
    thread_change: str,
    seed: int,
    output: Path,
    service: ServiceOptions,
) -> None:
    """Show what the operator would do: a table by the minute, and a picture in the folder OUTPUT."""
    if (trace is None) == (shape is None):
        raise click.UsageError("give one of --trace and --shape")
    simulation = module_with_extra("fastapi_tuning.cli.simulation")
    spec = simulation.read_spec(spec_file)
    rates = simulation.load(trace, shape, peak=peak, seconds=60 * minutes, seed=seed)
    start = simulation.Start(replicas=replicas or spec.replicas.min, threads=threads)
    played = simulation.play(spec, rates, service, start=start, thread_change=thread_change, seed=seed)
    click.echo(simulation.table(played))
    output.mkdir(parents=True, exist_ok=True)
    picture = output / "simulation.png"
    simulation.draw(played, picture)
    click.echo(f"\npicture: {picture}")


@click.command()
@click.option("--rate", required=True, type=click.FloatRange(0.1, 20_000), help="Requests per second.")
@click.option("--replicas", default=1, show_default=True, type=click.IntRange(1, 1000))
@click.option("--threads", default=40, show_default=True, type=click.IntRange(1, 1000))
@click.option("--in-flight-limit", type=click.IntRange(1), help="Requests that a pod admits at a time.")
@click.option("--objective", default="500ms", show_default=True, help="Latency that is still good.")
@click.option("--seconds", default=300, show_default=True, type=click.IntRange(10, 86_400), help="After a warm-up.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="The same seed, the same run.")
@service_options
def steady(
    *,
    rate: float,
    replicas: int,
    threads: int,
    in_flight_limit: int | None,
    objective: str,
    seconds: int,
    seed: int,
    service: ServiceOptions,
) -> None:
    """Show latency and throughput of a simulated service at a constant load, with knobs that nobody moves."""
    simulation = module_with_extra("fastapi_tuning.cli.simulation")
    start = simulation.Start(replicas=replicas, threads=threads, in_flight_limit=in_flight_limit)
    click.echo(simulation.steady_table(service, rate, start, objective=objective, seconds=seconds, seed=seed))
