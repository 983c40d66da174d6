"""The verb that shows what a pod spends its time on."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from fastapi_tuning.api.profile import MOST_PER_SECOND, MOST_SECONDS
from fastapi_tuning.cli.profiling import Wish, profiles_of
from fastapi_tuning.errors import FastAPITuningError
from fastapi_tuning.profile.flame_graph import flame_graph
from fastapi_tuning.profile.samples import Samples, samples_of
from fastapi_tuning.profile.speedscope import speedscope
from fastapi_tuning.profile.top import top

_FORMATS = {"html": (".html", flame_graph), "speedscope": (".speedscope.json", speedscope)}


@click.command()
@click.argument("pod")
@click.option("-n", "--namespace", default="default", show_default=True, help="Of the pod.")
@click.option("--seconds", default=30, show_default=True, type=click.IntRange(1, MOST_SECONDS))
@click.option(
    "--samples-per-second",
    default=50,
    show_default=True,
    type=click.IntRange(1, MOST_PER_SECOND),
    help="At most: there are fewer where they would cost more than 2 % of a core.",
)
@click.option(
    "--output",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True, writable=True),
    help="Directory that the files are written to.",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    default=tuple(_FORMATS),
    show_default=True,
    type=click.Choice(tuple(_FORMATS)),
    help="Files to write; may be given more than once.",
)
def profile(
    *, pod: str, namespace: str, seconds: int, samples_per_second: int, output: Path, formats: tuple[str, ...]
) -> None:
    """Sample what the threads of POD do, through the agent in it: nothing restarts, no capability is needed, and it
    works while the event loop is blocked.

    Prints the lines of code that ran and that waited for longest, and writes a flame graph and a file for speedscope.
    Needs the rights to get and patch the pod, and to get pods/proxy.
    """
    wish = Wish(pod=pod, namespace=namespace, seconds=seconds, samples_per_second=samples_per_second)
    try:
        profiles = asyncio.run(profiles_of(wish, tell=lambda text: click.echo(text, err=True)))
    except FastAPITuningError as error:
        raise click.ClickException(str(error)) from error
    now = datetime.now(UTC)
    _deliver(samples_of(profiles), f"{namespace}-{pod}-{now:%Y%m%dT%H%M%SZ}", output, formats)


def _deliver(samples: Samples, name: str, folder: Path, formats: tuple[str, ...]) -> None:
    click.echo(top(samples), nl=False)
    for each in dict.fromkeys(formats):
        suffix, written_as = _FORMATS[each]
        file = folder / f"profile-{name}{suffix}"
        try:
            file.write_text(written_as(samples, f"Profile of {name}"), encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{file} cannot be written: {error.strerror}") from error
        click.echo(f"written: {file}")
