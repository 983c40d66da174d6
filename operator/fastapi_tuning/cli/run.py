"""Puts the operator together and runs it: watch, control loop and pages in one event loop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import kopf
import uvicorn
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from pythonjsonlogger.json import JsonFormatter

from fastapi_tuning.act.restore import restore
from fastapi_tuning.api.agent import start_settings
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import OnDelete
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import FIELD_MANAGER, KubernetesApi
from fastapi_tuning.control.route import wants_agent
from fastapi_tuning.errors import CannotStart, FastAPITuningError, NotFound, WriteRejected
from fastapi_tuning.handlers.cache import TuningCache
from fastapi_tuning.handlers.loop import ControlLoop
from fastapi_tuning.handlers.watch import registry_for
from fastapi_tuning.live_path import LivePath
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint
from fastapi_tuning.observe.workloads import deployment_path, read_target
from fastapi_tuning.reconcile import Reconciler
from fastapi_tuning.report.events import EventRecorder, EventType
from fastapi_tuning.report.metrics import OperatorMetrics
from fastapi_tuning.web.pages import pages
from fastapi_tuning.webhooks.injection import AgentSource
from fastapi_tuning.webhooks.keeper import CertificateKeeper
from fastapi_tuning.webhooks.listener import CertificateFiles, WebhookServer
from fastapi_tuning.webhooks.server import Injector, webhook

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfManagedCertificates:
    """Where the operator keeps the certificates that it makes itself."""

    secret_namespace: str
    secret_name: str
    configuration_name: str
    """The MutatingWebhookConfiguration whose trust is kept up."""
    names: tuple[str, ...]
    """DNS names and addresses of the webhook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where the webhook listens, and what it puts into pods."""

    port: int
    certificates_directory: Path
    self_managed: SelfManagedCertificates | None
    """None: somebody else puts tls.crt and tls.key into the directory, and renews them."""
    source: AgentSource


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """What the command line and FASTAPI_TUNING_* variables set. No namespaces: all of them."""

    prometheus: PrometheusEndpoint
    namespaces: tuple[str, ...]
    port: int
    live: bool
    """Whether settings may go into running pods."""
    webhook: WebhookSettings | None


def log_as_json(level: str) -> None:
    """One JSON object a line on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)


async def _configure_client() -> None:
    try:
        await config.load_config()  # type: ignore[no-untyped-call]  # the client ships it without types
    except config.ConfigException as error:
        raise CannotStart(f"no cluster to talk to: {error}") from error


async def run_operator(settings: OperatorSettings) -> None:
    """Run until SIGTERM or SIGINT; the first part that ends on its own ends the rest, and its error is raised.

    Raises:
        CannotStart: no cluster is configured, or the port is taken.
    """
    await _configure_client()
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    async with ApiClient() as client:
        listener = _listen(settings.port)
        api = KubernetesApi(client)
        metrics = OperatorMetrics(registry)
        reconciler = Reconciler(
            api=api,
            prometheus=PrometheusClient(settings.prometheus),
            events=EventRecorder(api),
            metrics=metrics,
            live_path=LivePath(
                api=api,
                metrics=metrics,
                enabled=settings.live,
                injecting=settings.live and settings.webhook is not None,
            ),
        )
        cache = TuningCache(on_gone=lambda tuning: loop.forget(tuning))
        loop = ControlLoop(api=api, cache=cache, reconciler=reconciler, namespaces=settings.namespaces)

        async def on_deleted(tuning: FastAPITuning) -> None:
            if tuning.spec.on_delete is OnDelete.RESTORE:
                await _restore(api, tuning)

        server = _PageServer(
            uvicorn.Config(
                pages(registry, lambda: loop.heartbeat),
                log_config=None,
                access_log=False,
            )
        )
        stop = asyncio.Event()
        watch = kopf.operator(
            registry=registry_for(cache, on_deleted),
            standalone=True,
            # Named, because kopf's own choice asks for the user's name and a container's user may have none.
            identity=FIELD_MANAGER,  # type: ignore[arg-type]  # kopf keeps its NewType of str private
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            stop_flag=stop,
        )
        parts = [
            asyncio.create_task(watch),
            asyncio.create_task(loop.run()),
            asyncio.create_task(server.serve([listener])),
        ]
        servers: list[uvicorn.Server] = [server]
        endless = [parts[1]]
        if settings.webhook is not None:
            injector = _injector(settings.webhook.source, cache, reconciler)
            webhook_server = WebhookServer(webhook(injector), CertificateFiles(settings.webhook.certificates_directory))
            servers.append(webhook_server)
            parts.append(asyncio.create_task(webhook_server.run_on(_listen(settings.webhook.port))))
            if settings.webhook.self_managed is not None:
                keeper = _keeper(api, settings.webhook.self_managed, settings.webhook.certificates_directory)
                endless.append(asyncio.create_task(keeper.run()))
                parts.append(endless[-1])
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        for each in servers:
            each.should_exit = True
        for task in endless:
            task.cancel()
        for result in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


def _keeper(api: KubernetesApi, settings: SelfManagedCertificates, directory: Path) -> CertificateKeeper:
    return CertificateKeeper(
        api=api,
        secret_path=f"/api/v1/namespaces/{settings.secret_namespace}/secrets/{settings.secret_name}",
        configuration_path=(
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/" + settings.configuration_name
        ),
        names=settings.names,
        directory=directory,
    )


def _injector(source: AgentSource, cache: TuningCache, reconciler: Reconciler) -> Injector:
    def wanted(tuning: FastAPITuning) -> bool:
        return wants_agent(tuning.spec) and not reconciler.newest_status(tuning).live.gave_up(tuning.generation)

    def settings_of(tuning: FastAPITuning) -> str:
        status = reconciler.newest_status(tuning)
        return start_settings(status.applied, status.live, tuning.spec, datetime.now(UTC))

    async def refused(tuning: FastAPITuning, message: str) -> None:
        try:
            await reconciler.events.record(
                tuning, EventType.WARNING, Reason.INJECTION_REFUSED, message, datetime.now(UTC)
            )
        except (WriteRejected, NotFound) as error:
            logger.warning("event not posted", extra={"object": (tuning.namespace, tuning.name), "error": str(error)})

    return Injector(
        naming=cache.naming,
        wanted=wanted,
        settings=settings_of,
        source=source,
        metrics=reconciler.metrics,
        refused=refused,
    )


def _listen(port: int) -> socket.socket:
    """A socket on all addresses. Ours, because uvicorn ends the process when a port is taken."""
    try:
        return socket.create_server(("", port))
    except OSError as error:
        raise CannotStart(f"port {port} cannot be opened: {error.strerror}") from error


class _PageServer(uvicorn.Server):
    """Leaves the signals to kopf, which ends the watch; the rest ends with it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _restore(api: KubernetesApi, tuning: FastAPITuning) -> None:
    try:
        target = await read_target(api, tuning.namespace, tuning.spec.target_ref)
        path = deployment_path(tuning.namespace, tuning.spec.target_ref.name)
        pods = [pod.name for pod in target.agents.carrying]
        await restore(api, path, target.workload.container, tuning.status, pods)
    except FastAPITuningError as error:
        logger.warning("not restored", extra={"object": (tuning.namespace, tuning.name), "error": str(error)})
