"""The command `fastapi-tuning`: every verb is a few lines that call the package."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click
import yaml

from fastapi_tuning import __version__
from fastapi_tuning.api.crd import custom_resource_definition
from fastapi_tuning.api.reference import reference
from fastapi_tuning.cli.backtest import backtest
from fastapi_tuning.cli.prometheus_options import prometheus_options
from fastapi_tuning.cli.run import OperatorSettings, log_as_json, run_operator
from fastapi_tuning.cli.simulate import simulate, steady
from fastapi_tuning.errors import CannotStart
from fastapi_tuning.observe.prometheus import PrometheusEndpoint


class PlainDumper(yaml.SafeDumper):
    """Writes every value out: anchors save bytes, and make a CRD unreadable."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "FASTAPI_TUNING"})
@click.version_option(__version__, prog_name="fastapi-tuning")
def main() -> None:
    """Tune FastAPI services on Kubernetes to a latency objective at least cost."""


_OUTPUT = click.option(
    "--output", type=click.Path(path_type=Path), help="Write to this file instead of standard output."
)
_CHECK = click.option("--check", type=click.Path(path_type=Path), help="Fail if this file differs from the models.")


@main.command()
@_OUTPUT
@_CHECK
def crd(output: Path | None, check: Path | None) -> None:
    """Print the CustomResourceDefinition that the models describe."""
    text = yaml.dump(custom_resource_definition(), Dumper=PlainDumper, sort_keys=False, width=110, allow_unicode=True)
    _deliver(text, output, check)


@main.command("reference")
@_OUTPUT
@_CHECK
def print_reference(output: Path | None, check: Path | None) -> None:
    """Print the reference of the custom resource as Markdown."""
    _deliver(reference(), output, check)


def _deliver(text: str, output: Path | None, check: Path | None) -> None:
    if check is not None:
        if not check.exists() or check.read_text() != text:
            raise click.ClickException(f"{check} is not what the models give: run `make generate`")
    elif output is not None:
        output.write_text(text)
    else:
        sys.stdout.write(text)


_PORT = click.IntRange(0, 65535)


@main.command()
@prometheus_options
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    envvar="FASTAPI_TUNING_RUN_NAMESPACE",
    help="Watch only these namespaces; in the variable, separated by blanks.",
)
@click.option("--port", default=8080, type=_PORT, show_default=True, help="Health, readiness and metrics.")
@click.option(
    "--log-level",
    default="INFO",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
    show_default=True,
)
def run(
    *,
    prometheus: PrometheusEndpoint,
    namespaces: tuple[str, ...],
    port: int,
    log_level: str,
) -> None:
    """Run the operator. Each option is also read from FASTAPI_TUNING_RUN_<OPTION>."""
    log_as_json(log_level)
    try:
        asyncio.run(run_operator(OperatorSettings(prometheus=prometheus, namespaces=namespaces, port=port)))
    except CannotStart as error:
        raise click.ClickException(str(error)) from error


main.add_command(simulate)
main.add_command(steady)
main.add_command(backtest)


if __name__ == "__main__":
    main()
