"""The verb that puts the checklist to a live service."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size

import click
from kubernetes.aio.client import ApiClient
from pydantic import ValidationError

from fastapi_tuning.api.spec import TargetReference
from fastapi_tuning.api_server import KubernetesApi
from fastapi_tuning.audit.checklist import CHECKLIST
from fastapi_tuning.audit.facts import Facts
from fastapi_tuning.audit.finding import THRESHOLDS, Report, Severity
from fastapi_tuning.audit.finding import audit as audited
from fastapi_tuning.audit.formats.html import html
from fastapi_tuning.audit.formats.json_document import json_document
from fastapi_tuning.audit.formats.markdown import markdown
from fastapi_tuning.audit.formats.sarif import sarif
from fastapi_tuning.cli.cluster import configure_client, read_tuning
from fastapi_tuning.cli.prometheus_options import optional_prometheus_options
from fastapi_tuning.errors import FastAPITuningError, NotFound
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint
from fastapi_tuning.observe.survey.service import Subject, read_facts

FOUND = 3
"""Exit code: something was found that is at least as bad as --fail-on."""
MAY_HIDE = 4
"""Exit code: nothing such was found, but what could not be read may hide it."""

_KIND = "deployment/"
_FILE_WIDTH = 120


@click.command()
@click.argument("name")
@click.option("-n", "--namespace", default="default", show_default=True, help="Of the service.")
@click.option(
    "--format",
    "format_",
    default="table",
    show_default=True,
    type=click.Choice(("table", "json", "markdown", "html", "sarif")),
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write to this file instead of standard output.",
)
@click.option(
    "--fail-on",
    default="error",
    show_default=True,
    type=click.Choice([*map(str, THRESHOLDS), "never"]),
    help="Exit with 3 if something is at least as bad, with 4 if what could not be read may be.",
)
@click.option(
    "--database-connections",
    type=click.IntRange(1),
    help="Connections that the database allows to this service: max_connections less what others need.",
)
@click.option("--manifest", help="With sarif: the Deployment's manifest in the repository, for pages that show files.")
@optional_prometheus_options
def audit(
    *,
    name: str,
    namespace: str,
    format_: str,
    output: Path | None,
    fail_on: str,
    database_connections: int | None,
    manifest: str | None,
    prometheus: PrometheusEndpoint | None,
) -> None:
    """Put a checklist to a live service: what it finds, by which evidence, and what to copy to mend it.

    NAME is the FastAPITuning that tunes the service; deployment/NAME audits a Deployment that none tunes. Without
    --prometheus-url the checks that need metrics stay open, and are listed as such. Nothing is changed.
    """
    if output is not None and not output.parent.is_dir():
        raise click.UsageError(f"--output: there is no directory {output.parent}")
    try:
        facts = asyncio.run(_facts(name, namespace, prometheus, database_connections))
    except FastAPITuningError as error:
        raise click.ClickException(str(error)) from error
    report = audited(facts, CHECKLIST)
    _deliver(_text(report, format_, manifest, to_file=output is not None), output)
    sys.exit(exit_code(report, fail_on))


def exit_code(report: Report, fail_on: str) -> int:
    """0, FOUND or MAY_HIDE; click gives 1 for what ended the audit, and 2 for wrong usage."""
    if fail_on == "never":
        return 0
    threshold = Severity(fail_on)
    if report.reaches(threshold):
        return FOUND
    return MAY_HIDE if report.may_hide(threshold) else 0


async def _facts(
    name: str, namespace: str, prometheus: PrometheusEndpoint | None, database_connections: int | None
) -> Facts:
    subject = await _subject(name, namespace, database_connections)
    reader = None if prometheus is None else PrometheusClient(prometheus)
    async with ApiClient() as client:
        return await read_facts(KubernetesApi(client), reader, subject, datetime.now(UTC))


async def _subject(name: str, namespace: str, database_connections: int | None) -> Subject:
    if name.startswith(_KIND):
        target, tuning = _deployment(name.removeprefix(_KIND)), None
        await configure_client()
    else:
        try:
            tuning = await read_tuning(namespace, name)
        except NotFound as error:
            raise NotFound(f"{error}; to audit a Deployment that none tunes: {_KIND}{name}") from error
        target = tuning.spec.target_ref
    return Subject(namespace=namespace, target=target, tuning=tuning, database_connections=database_connections)


def _deployment(name: str) -> TargetReference:
    try:
        return TargetReference(name=name)
    except ValidationError as error:
        raise click.UsageError(f"{name!r} is no name of a Deployment: write {_KIND}NAME") from error


def _text(report: Report, format_: str, manifest: str | None, *, to_file: bool) -> str:
    if format_ == "table":
        # rich is imported for a table only: the operator, which is another verb of this command, goes without.
        from fastapi_tuning.audit.formats.table import table

        width = _FILE_WIDTH if to_file else get_terminal_size((_FILE_WIDTH, 24)).columns
        return table(report, width=width, colours=not to_file and sys.stdout.isatty())
    if format_ == "sarif":
        return sarif(report, CHECKLIST, manifest)
    return {"json": json_document, "markdown": markdown, "html": html}[format_](report)


def _deliver(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error
