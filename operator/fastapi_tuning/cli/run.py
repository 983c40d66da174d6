"""Puts the operator together and runs it: watch, control loop and pages in one event loop."""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import kopf
import uvicorn
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from pythonjsonlogger.json import JsonFormatter

from fastapi_tuning.act.restore import restore
from fastapi_tuning.api.spec import OnDelete
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import FIELD_MANAGER, KubernetesApi
from fastapi_tuning.cli.listening import listen
from fastapi_tuning.cli.webhook import WebhookSettings, keeper_of, webhook_server_of
from fastapi_tuning.errors import CannotStart, FastAPITuningError
from fastapi_tuning.handlers.cache import TuningCache
from fastapi_tuning.handlers.loop import ControlLoop
from fastapi_tuning.handlers.watch import registry_for
from fastapi_tuning.live_path import LivePath
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint
from fastapi_tuning.observe.workloads import deployment_path, read_target
from fastapi_tuning.reconcile import Reconciler
from fastapi_tuning.report.events import EventRecorder
from fastapi_tuning.report.metrics import OperatorMetrics
from fastapi_tuning.web.pages import pages

logger = logging.getLogger(__name__)


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
        listener = listen(settings.port)
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
            webhook_server = webhook_server_of(settings.webhook, cache, reconciler)
            servers.append(webhook_server)
            parts.append(asyncio.create_task(webhook_server.run_on(functools.partial(listen, settings.webhook.port))))
            if (keeper := keeper_of(settings.webhook, api)) is not None:
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
