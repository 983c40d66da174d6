"""The options that say where Prometheus is, the same for all verbs that read it."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from fastapi_tuning.observe.prometheus import PrometheusEndpoint


def _http_url(_: click.Context, __: click.Parameter, value: str) -> str:
    """Refuses what cannot be a base address, rather than report Prometheus as silent for ever."""
    try:
        url = urlsplit(value)
        usable = url.scheme in ("http", "https") and bool(url.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise click.BadParameter("not an address such as http://prometheus.monitoring:9090")
    return value


_OPTIONS = (
    click.option(
        "--prometheus-url",
        required=True,
        callback=_http_url,
        help="For example http://prometheus.monitoring:9090; may hold user:password@.",
    ),
    click.option("--prometheus-token-file", type=click.Path(path_type=Path), help="Bearer token, read at each query."),
    click.option("--prometheus-ca-file", type=click.Path(path_type=Path), help="Certificate authority of Prometheus."),
    click.option("--prometheus-tenant", help="Sent as X-Scope-OrgID."),
)


def prometheus_options(command: Callable[..., None]) -> Callable[..., None]:
    """Decorator: adds the options and hands them to the command as `prometheus`."""

    @wraps(command)
    def with_prometheus(
        *,
        prometheus_url: str,
        prometheus_token_file: Path | None,
        prometheus_ca_file: Path | None,
        prometheus_tenant: str | None,
        **arguments: Any,
    ) -> None:
        endpoint = PrometheusEndpoint(
            url=prometheus_url,
            token_file=prometheus_token_file,
            ca_file=prometheus_ca_file,
            tenant=prometheus_tenant,
        )
        if endpoint.credentials is not None and endpoint.token_file is not None:
            raise click.UsageError("give Prometheus a token file or a user and password in the URL, not both")
        command(prometheus=endpoint, **arguments)

    decorated: Callable[..., None] = with_prometheus
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
