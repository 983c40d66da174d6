"""The options that say where Prometheus is, the same for all verbs that read it."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from fastapi_tuning.observe.prometheus import PrometheusEndpoint


def _http_url(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Refuses what cannot be a base address, rather than report Prometheus as silent for ever."""
    if value is None:
        return None
    try:
        url = urlsplit(value)
        usable = url.scheme in ("http", "https") and bool(url.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise click.BadParameter("not an address such as http://prometheus.monitoring:9090")
    return value


_URL_HELP = "For example http://prometheus.monitoring:9090; may hold user:password@."
_REQUIRED_URL = click.option("--prometheus-url", required=True, callback=_http_url, help=_URL_HELP)
_OPTIONAL_URL = click.option("--prometheus-url", callback=_http_url, help=_URL_HELP)
_HOW = (
    click.option("--prometheus-token-file", type=click.Path(path_type=Path), help="Bearer token, read at each query."),
    click.option("--prometheus-ca-file", type=click.Path(path_type=Path), help="Certificate authority of Prometheus."),
    click.option("--prometheus-tenant", help="Sent as X-Scope-OrgID."),
)


def prometheus_options(command: Callable[..., None]) -> Callable[..., None]:
    """Decorator: adds the options and hands them to the command as `prometheus`."""
    return _with_options(command, _REQUIRED_URL)


def optional_prometheus_options(command: Callable[..., None]) -> Callable[..., None]:
    """The same for a command that can do without: `prometheus` is None if no URL is given."""
    return _with_options(command, _OPTIONAL_URL)


def _with_options(
    command: Callable[..., None], url: Callable[[Callable[..., None]], Callable[..., None]]
) -> Callable[..., None]:
    @wraps(command)
    def with_prometheus(
        *,
        prometheus_url: str | None,
        prometheus_token_file: Path | None,
        prometheus_ca_file: Path | None,
        prometheus_tenant: str | None,
        **arguments: Any,
    ) -> None:
        if prometheus_url is None:
            command(prometheus=None, **arguments)
            return
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
    for option in reversed((url, *_HOW)):
        decorated = option(decorated)
    return decorated
