"""The verbs that stop moves for a time, and let them go on."""

import asyncio
from datetime import UTC, datetime

import click
from kubernetes.aio.client import ApiClient

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.pause import DIRECTIONS
from fastapi_tuning.api_server import KubernetesApi
from fastapi_tuning.cli.cluster import configure_client
from fastapi_tuning.cli.duration import duration_of
from fastapi_tuning.cli.pausing import RESUMED, Annotations, annotate, pause_annotations
from fastapi_tuning.errors import FastAPITuningError

_FIELD_MANAGER = "fastapi-tuning-cli"
_NAMESPACE = click.option("-n", "--namespace", default="default", show_default=True, help="Of the FastAPITuning.")


@click.command()
@click.argument("name")
@_NAMESPACE
@click.option("--until", help="Time in RFC 3339 with a zone, such as 2026-12-24T18:00:00Z.")
@click.option("--for", "length", help="Length of time from now on, such as 90m, 2h or 1h30m.")
@click.option(
    "--direction",
    default="both",
    type=click.Choice(list(DIRECTIONS)),
    show_default=True,
    help="Only fewer replicas, or only more, are stopped; everything else goes on.",
)
def pause(*, name: str, namespace: str, until: str | None, length: str | None, direction: str) -> None:
    """Have the operator move nothing for the FastAPITuning NAME until a time. It goes on observing, says what it would
    do, and resumes by itself.
    """
    end = _end(until, length, datetime.now(UTC))
    _write(namespace, name, pause_annotations(end, DIRECTIONS[direction]))
    what = "" if DIRECTIONS[direction] is Direction.BOTH else f" ({direction} only)"
    click.echo(f"FastAPITuning {name} is paused{what} until {end:%Y-%m-%d %H:%M:%S} UTC")


@click.command()
@click.argument("name")
@_NAMESPACE
def resume(*, name: str, namespace: str) -> None:
    """End the pause of the FastAPITuning NAME."""
    _write(namespace, name, RESUMED)
    click.echo(f"FastAPITuning {name} is not paused")


def _end(until: str | None, length: str | None, now: datetime) -> datetime:
    if (until is None) == (length is None):
        raise click.UsageError("give either --until or --for: a pause has an end")
    try:
        end = now + duration_of(length) if length is not None else datetime.fromisoformat(until or "")
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if end.tzinfo is None:
        raise click.UsageError(f"{until} has no zone: append Z for UTC")
    if end <= now:
        raise click.UsageError(f"{until} is past")
    return end.astimezone(UTC)


def _write(namespace: str, name: str, annotations: Annotations) -> None:
    try:
        asyncio.run(_annotate(namespace, name, annotations))
    except FastAPITuningError as error:
        raise click.ClickException(str(error)) from error


async def _annotate(namespace: str, name: str, annotations: Annotations) -> None:
    await configure_client()
    async with ApiClient() as client:
        await annotate(KubernetesApi(client, _FIELD_MANAGER), namespace, name, annotations)
