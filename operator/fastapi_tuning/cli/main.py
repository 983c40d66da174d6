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
from fastapi_tuning.cli.audit import audit
from fastapi_tuning.cli.backtest import backtest
from fastapi_tuning.cli.endpoints_file import DEFAULT, read_endpoints
from fastapi_tuning.cli.explain import explain
from fastapi_tuning.cli.load_test import load_test
from fastapi_tuning.cli.pause import pause, resume
from fastapi_tuning.cli.profile import profile
from fastapi_tuning.cli.prometheus_options import optional_prometheus_options
from fastapi_tuning.cli.run import LeaseName, OperatorSettings, log_as_json, run_operator
from fastapi_tuning.cli.simulate import simulate, steady
from fastapi_tuning.cli.web import WebAccess
from fastapi_tuning.cli.webhook import SelfManagedCertificates, WebhookSettings
from fastapi_tuning.errors import CannotStart
from fastapi_tuning.observe.prometheus import PrometheusEndpoint
from fastapi_tuning.webhooks.injection import AgentSource


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
@optional_prometheus_options
@click.option(
    "--endpoints-file",
    type=click.Path(path_type=Path),
    help="Metrics endpoints by name, which spec.metrics.endpoint gives; --prometheus-url is the one named default.",
)
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    envvar="FASTAPI_TUNING_RUN_NAMESPACE",
    help="Watch only these namespaces; in the variable, separated by blanks.",
)
@click.option(
    "--scan/--no-scan",
    default=True,
    show_default=True,
    help="Notice CRDs and namespaces as they come and go; takes rights in the whole cluster.",
)
@click.option("--port", default=8080, type=_PORT, show_default=True, help="Health, readiness, metrics, pages and API.")
@click.option(
    "--web-access",
    default=WebAccess.TOKEN,
    type=click.Choice(WebAccess, case_sensitive=False),
    show_default=WebAccess.TOKEN.value,
    help="Who sees FastAPITunings on the pages: bearers of a Kubernetes token that may read them, everybody, nobody.",
)
@click.option(
    "--log-level",
    default="INFO",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
    show_default=True,
)
@click.option(
    "--lease", help="NAMESPACE/NAME of a Lease: act only while holding it. Without it this operator is alone."
)
@click.option("--live/--no-live", default=True, show_default=True, help="Hand settings to running pods with the agent.")
@click.option(
    "--divide-resources/--keep-resources",
    default=False,
    show_default=True,
    help="Let spec.workers.resources: Divide change requests and limits.",
)
@click.option("--agent-image", help="Image that holds the agent; without it no webhook is served.")
@click.option("--agent-pull-policy", default="IfNotPresent", show_default=True, help="Of the agent's image.")
@click.option("--agent-metrics-port", default=9964, type=_PORT, show_default=True, help="First port tried in a pod.")
@click.option("--webhook-port", default=8443, type=_PORT, show_default=True, help="HTTPS, for the API server.")
@click.option(
    "--webhook-certificates",
    type=click.Path(path_type=Path),
    default=Path("/run/fastapi-tuning/webhook"),
    show_default=True,
    help="Directory of tls.crt and tls.key, which may be replaced at any time.",
)
@click.option("--webhook-secret", help="NAMESPACE/NAME: make the certificates, and keep them in this Secret.")
@click.option("--webhook-configuration", help="MutatingWebhookConfiguration that is to trust them.")
@click.option("--webhook-name", "webhook_names", multiple=True, help="DNS name or address of the webhook.")
def run(
    *,
    prometheus: PrometheusEndpoint | None,
    endpoints_file: Path | None,
    namespaces: tuple[str, ...],
    scan: bool,
    port: int,
    web_access: WebAccess,
    log_level: str,
    lease: str | None,
    live: bool,  # click passes options by name
    divide_resources: bool,
    agent_image: str | None,
    agent_pull_policy: str,
    agent_metrics_port: int,
    webhook_port: int,
    webhook_certificates: Path,
    webhook_secret: str | None,
    webhook_configuration: str | None,
    webhook_names: tuple[str, ...],
) -> None:
    """Run the operator. Each option is also read from FASTAPI_TUNING_RUN_<OPTION>."""
    webhook = agent_image and WebhookSettings(
        port=webhook_port,
        certificates_directory=webhook_certificates,
        self_managed=_self_managed(webhook_secret, webhook_configuration, webhook_names),
        source=AgentSource(image=agent_image, pull_policy=agent_pull_policy, metrics_port=agent_metrics_port),
    )
    settings = OperatorSettings(
        endpoints=_endpoints(prometheus, endpoints_file),
        namespaces=namespaces,
        scan=scan,
        port=port,
        web_access=web_access,
        live=live,
        divide_resources=divide_resources,
        webhook=webhook or None,
        lease=_lease(lease),
    )
    log_as_json(log_level)
    try:
        asyncio.run(run_operator(settings))
    except CannotStart as error:
        raise click.ClickException(str(error)) from error


def _endpoints(default: PrometheusEndpoint | None, file: Path | None) -> dict[str, PrometheusEndpoint]:
    """Those of the file and the one of the command line, by name."""
    try:
        named = {} if file is None else read_endpoints(file)
    except CannotStart as error:
        raise click.ClickException(str(error)) from error
    if default is None and not named:
        raise click.UsageError("--prometheus-url or --endpoints-file says where the metrics are")
    if default is not None and DEFAULT in named:
        raise click.UsageError("--prometheus-url and --endpoints-file both give the endpoint named default")
    return named if default is None else {DEFAULT: default, **named}


def _lease(text: str | None) -> LeaseName | None:
    if text is None:
        return None
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name):
        raise click.UsageError("--lease is NAMESPACE/NAME")
    return LeaseName(namespace=namespace, name=name)


def _self_managed(
    secret: str | None, configuration: str | None, names: tuple[str, ...]
) -> SelfManagedCertificates | None:
    """None without a Secret: the certificates come from elsewhere."""
    if secret is None:
        return None
    namespace, slash, name = secret.partition("/")
    if not slash or configuration is None or not names:
        raise click.UsageError(
            "--webhook-secret is NAMESPACE/NAME, and goes with --webhook-configuration and --webhook-name"
        )
    return SelfManagedCertificates(
        secret_namespace=namespace, secret_name=name, configuration_name=configuration, names=names
    )


main.add_command(simulate)
main.add_command(steady)
main.add_command(backtest)
main.add_command(audit)
main.add_command(explain)
main.add_command(pause)
main.add_command(resume)
main.add_command(profile)
main.add_command(load_test)


if __name__ == "__main__":
    main()
