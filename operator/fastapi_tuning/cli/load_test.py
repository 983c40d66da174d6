"""The verb that finds out what a pod carries. What a picture needs is imported before anything is loaded."""

import asyncio
from importlib.resources import files
from pathlib import Path

import click
from kubernetes.aio.client import ApiClient
from pydantic import ValidationError

from fastapi_tuning.api.spec import FastAPITuningSpec, TargetReference
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import KubernetesApi
from fastapi_tuning.cli.cluster import configure_client, read_tuning
from fastapi_tuning.cli.extra import module_with_extra
from fastapi_tuning.cli.load_testing import (
    Interrupted,
    Order,
    Prepared,
    Surroundings,
    carry_out,
    prepare,
    until_interrupted,
)
from fastapi_tuning.cli.prometheus_options import optional_prometheus_options
from fastapi_tuning.errors import FastAPITuningError
from fastapi_tuning.load.profile import MAX_RATE
from fastapi_tuning.load_test.jobs import Judgement, Load, Locust, OpenLoop
from fastapi_tuning.load_test.markdown import markdown, plan_text
from fastapi_tuning.load_test.report import Report
from fastapi_tuning.load_test.search import Bounds
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint

_KIND = "deployment/"
_SIGNALLED = 128
"""Exit code of a program that a signal ended: this much more than the signal's number."""
_LEAST_TIMEOUT_SECONDS = 5.0
_PICTURE = "fastapi_tuning.cli.load_test_picture"
_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("load-test")
@click.argument("name")
@click.option("-n", "--namespace", default="default", show_default=True, help="Of the service.")
@click.option("--path", help="Path and query to get, such as /orders?limit=10; unless there is a --locustfile.")
@click.option("--locustfile", type=_EXISTING_FILE, help="A scenario of Locust instead; levels are users.")
@click.option("--url", help="Scheme, host and port; by default those of the one Service that leads to the pods.")
@click.option("--image", help="Of the generator: the operator's own, by default the one that brought in the agent.")
@click.option("--start", default=10.0, show_default=True, type=click.FloatRange(1.0), help="First level.")
@click.option(
    "--max-rate", default=200.0, show_default=True, type=click.FloatRange(1.0, MAX_RATE), help="Highest level, ever."
)
@click.option("--max-minutes", default=10.0, show_default=True, type=click.FloatRange(1.0, 120.0), help="All in all.")
@click.option("--step-seconds", default=30.0, show_default=True, type=click.FloatRange(10.0, 600.0), help="Judged.")
@click.option(
    "--resolution", default=10.0, show_default=True, type=click.FloatRange(2.0, 50.0), help="Of the knee, percent."
)
@click.option("--timeout", type=click.FloatRange(0.1, 600.0), help="Seconds for a request; 5, or twice the objective.")
@click.option(
    "--stop-at-bad", default=20.0, show_default=True, type=click.FloatRange(1.0, 100.0),
    help="End a step at once when this percentage of its requests failed or was late.",
)  # fmt: skip
@click.option(
    "--error-budget", default=5000, show_default=True, type=click.IntRange(1),
    help="End the test at once when this many requests failed or were late, over all steps.",
)  # fmt: skip
@click.option("--peak-rate", type=click.FloatRange(0.1), help="Requests per second to size the service for.")
@click.option("--allow-production", is_flag=True, help="Load may go to a namespace that looks like production.")
@click.option("--pause/--no-pause", default=True, show_default=True, help="Hold the FastAPITuning still meanwhile.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; nothing is changed.")
@click.option(
    "--format", "format_", default="markdown", show_default=True, type=click.Choice(("markdown", "json")),
    help="Of standard output.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder for report.md, report.json, report.png."
)
@click.option("--compare", type=_EXISTING_FILE, help="report.json of an earlier test, to stand beside this one.")
@optional_prometheus_options
def load_test(
    *,
    name: str,
    namespace: str,
    path: str | None,
    locustfile: Path | None,
    url: str | None,
    image: str | None,
    start: float,
    max_rate: float,
    max_minutes: float,
    step_seconds: float,
    resolution: float,
    timeout: float | None,
    stop_at_bad: float,
    error_budget: int,
    peak_rate: float | None,
    allow_production: bool,  # click passes options by name
    pause: bool,
    dry_run: bool,
    format_: str,
    output: Path | None,
    compare: Path | None,
    prometheus: PrometheusEndpoint | None,
) -> None:
    """Find out which load a pod of a service carries within its objective, and what follows from it.

    NAME is the FastAPITuning that tunes the service; deployment/NAME tests a Deployment that none tunes. Load is
    offered in steps by a Job in the namespace of the service: twice as much each time until the objective is missed,
    then ever closer. The FastAPITuning is paused meanwhile. Job and pause are taken back however the test ends.
    """
    before = None if compare is None else _earlier(compare)
    load = _load(path, locustfile, image)
    picture = None if output is None else module_with_extra(_PICTURE)
    if output is not None and not dry_run:
        _make(output)
    bounds = Bounds(
        start=min(start, max_rate),
        most=max_rate,
        grain=load.grain,
        resolution=resolution / 100,
        step_seconds=step_seconds,
        most_seconds=60 * max_minutes,
        most_bad_requests=error_budget,
    )

    async def ordered() -> Report | None:
        tuning = await _tuning(name, namespace)
        spec = _spec(name, tuning)
        threshold_seconds = spec.objectives.latency.threshold_seconds
        judgement = Judgement(
            threshold_seconds=threshold_seconds,
            timeout_seconds=timeout or max(_LEAST_TIMEOUT_SECONDS, 2 * threshold_seconds),
            most_bad_share=stop_at_bad / 100,
        )
        order = Order(
            namespace=namespace,
            spec=spec,
            tuning=tuning,
            load=load,
            bounds=bounds,
            judgement=judgement,
            url=url,
            image=image,
            pauses=pause,
            production_allowed=allow_production,
            peak_per_second=peak_rate,
        )
        async with ApiClient() as client:
            api = KubernetesApi(client)
            prepared = await prepare(api, order)
            if dry_run:
                click.echo(_plan(prepared))
                return None
            reader = None if prometheus is None else PrometheusClient(prometheus)
            world = Surroundings(api=api, prometheus=reader, tell=_tell)
            return await until_interrupted(carry_out(prepared, world), _tell)

    try:
        report = asyncio.run(ordered())
    except Interrupted as signalled:
        _tell(f"ended by {signalled}; nothing of the test is left in the cluster")
        raise SystemExit(_SIGNALLED + signalled.number) from signalled
    except FastAPITuningError as error:
        raise click.ClickException(str(error)) from error
    if report is None:
        return
    click.echo(_json(report) if format_ == "json" else markdown(report, before), nl=False)
    if output is not None and picture is not None:
        (output / "report.json").write_text(_json(report), encoding="utf-8")
        (output / "report.md").write_text(markdown(report, before, "report.png"), encoding="utf-8")
        picture.draw_load_test(report, before, output / "report.png")


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _json(report: Report) -> str:
    return report.model_dump_json(by_alias=True, indent=2) + "\n"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.BadParameter(f"{folder}: {error.strerror}", param_hint="--output") from error


def _earlier(file: Path) -> Report:
    try:
        return Report.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise click.BadParameter(f"{file} is no report.json of this command", param_hint="--compare") from error


def _load(path: str | None, locustfile: Path | None, image: str | None) -> Load:
    if path is not None and locustfile is not None:
        raise click.UsageError("give either --path, such as --path /orders, or a --locustfile")
    if path is not None:
        if not path.startswith("/") or path.startswith("//"):
            raise click.BadParameter("begins with one /, such as /orders", param_hint="--path")
        return OpenLoop(path=path)
    if locustfile is None:
        raise click.UsageError("give either --path, such as --path /orders, or a --locustfile")
    if image is None:
        raise click.UsageError("--locustfile wants an --image that has Locust, such as locustio/locust:2.47.0")
    listener = files("fastapi_tuning.load").joinpath("locust_listener.py").read_text(encoding="utf-8")
    return Locust(scenario=locustfile.read_text(encoding="utf-8"), listener=listener, name=locustfile.name)


async def _tuning(name: str, namespace: str) -> FastAPITuning | None:
    if name.startswith(_KIND):
        await configure_client()
        return None
    return await read_tuning(namespace, name)


def _spec(name: str, tuning: FastAPITuning | None) -> FastAPITuningSpec:
    if tuning is not None:
        return tuning.spec
    try:
        return FastAPITuningSpec(target_ref=TargetReference(name=name.removeprefix(_KIND)))
    except ValidationError as error:
        raise click.UsageError(f"{name!r} is no name of a Deployment: write {_KIND}NAME") from error


def _plan(prepared: Prepared) -> str:
    order = prepared.order
    paused = order.tuning.name if order.pauses and order.tuning is not None else None
    return plan_text(
        load=order.load.told(prepared.target),
        unit=order.load.unit,
        bounds=order.bounds,
        lines=(
            f"Image {prepared.image}, one Job after the other in namespace {order.namespace}.",
            f"A step ends at once when {100 * order.judgement.most_bad_share:g} % of its requests are bad.",
            "Nothing is paused." if paused is None else f"FastAPITuning {paused} is paused meanwhile.",
        ),
    )
