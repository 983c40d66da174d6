"""The command `fastapi-tuning`: every verb is a few lines that call the package."""

import sys
from pathlib import Path
from typing import Any

import click
import yaml

from fastapi_tuning import __version__
from fastapi_tuning.api.crd import custom_resource_definition


class PlainDumper(yaml.SafeDumper):
    """Writes every value out: anchors save bytes, and make a CRD unreadable."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="fastapi-tuning")
def main() -> None:
    """Tune FastAPI services on Kubernetes to a latency objective at least cost."""


@main.command()
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file instead of standard output.")
@click.option("--check", type=click.Path(path_type=Path), help="Fail if this file differs from the models.")
def crd(output: Path | None, check: Path | None) -> None:
    """Print the CustomResourceDefinition that the models describe."""
    text = yaml.dump(custom_resource_definition(), Dumper=PlainDumper, sort_keys=False, width=110, allow_unicode=True)
    if check is not None:
        if not check.exists() or check.read_text() != text:
            raise click.ClickException(f"{check} is not what the models give: run `make generate`")
    elif output is not None:
        output.write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
