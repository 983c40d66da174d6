"""The verb that tells what the operator decided, why, and what it waits for."""

import asyncio
from datetime import UTC, datetime

import click

from fastapi_tuning.cli.cluster import read_tuning
from fastapi_tuning.errors import FastAPITuningError
from fastapi_tuning.explain.story import story


@click.command()
@click.argument("name")
@click.option("-n", "--namespace", default="default", show_default=True, help="Of the FastAPITuning.")
def explain(*, name: str, namespace: str) -> None:
    """Tell the last decisions on the FastAPITuning NAME: what each rule wished, which guard changed it and why, and
    what is awaited next. All of it is read from the object's status.
    """
    try:
        tuning = asyncio.run(read_tuning(namespace, name))
    except FastAPITuningError as error:
        raise click.ClickException(str(error)) from error
    click.echo(story(tuning, datetime.now(UTC)), nl=False)
