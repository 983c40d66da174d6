"""The command `fastapi-tuning`: every verb is a few lines that call the package."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click
import yaml

from fastapi_tuning import __version__
from fastapi_tuning.api.crd import custom_resource_definition
from fastapi_tuning.cli.run import OperatorSettings, log_as_json, run_operator
from fastapi_tuning.cli.simulate import simulate, steady
from fastapi_tuning.observe.prometheus import PrometheusEndpoint


class PlainDumper(yaml.SafeDumper):
    """Writes every value out: anchors save bytes, and make a CRD unreadable."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "FASTAPI_TUNING"})
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


@main.command()
@click.option("--prometheus-url", required=True, help="For example http://prometheus.monitoring:9090.")
@click.option("--prometheus-token-file", type=click.Path(path_type=Path), help="Bearer token, read at each query.")
@click.option("--prometheus-ca-file", type=click.Path(path_type=Path), help="Certificate authority of Prometheus.")
@click.option("--prometheus-tenant", help="Sent as X-Scope-OrgID.")
@click.option("--namespace", "namespaces", multiple=True, help="Watch only these namespaces.")
@click.option("--port", default=8080, show_default=True, help="Health, readiness and metrics.")
@click.option("--log-level", default="INFO", show_default=True)
def run(
    prometheus_url: str,
    prometheus_token_file: Path | None,
    prometheus_ca_file: Path | None,
    prometheus_tenant: str | None,
    namespaces: tuple[str, ...],
    port: int,
    log_level: str,
) -> None:
    """Run the operator. Each option is also read from FASTAPI_TUNING_RUN_<OPTION>."""
    endpoint = PrometheusEndpoint(
        url=prometheus_url,
        token_file=prometheus_token_file,
        ca_file=prometheus_ca_file,
        tenant=prometheus_tenant,
    )
    log_as_json(log_level)
    asyncio.run(run_operator(OperatorSettings(prometheus=endpoint, namespaces=namespaces, port=port)))


main.add_command(simulate)
main.add_command(steady)


if __name__ == "__main__":
    main()
