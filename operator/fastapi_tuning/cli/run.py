"""Puts the operator together and runs it: watch, election, control loop and pages in one event loop."""

import asyncio
import contextlib
import functools
import logging
import signal
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import kopf
import uvicorn
from kubernetes.aio.client import ApiClient
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from pythonjsonlogger.json import JsonFormatter

from fastapi_tuning.api_server import FIELD_MANAGER, ApiServer, KubernetesApi, resource_path
from fastapi_tuning.cli.cluster import configure_client
from fastapi_tuning.cli.listening import listen
from fastapi_tuning.cli.web import WebAccess, pages_of
from fastapi_tuning.cli.webhook import WebhookSettings, keeper_of, webhook_server_of
from fastapi_tuning.handlers.cache import TuningCache
from fastapi_tuning.handlers.loop import ControlLoop
from fastapi_tuning.handlers.watch import registry_for
from fastapi_tuning.leadership.elector import Elector
from fastapi_tuning.leadership.fenced_api import FencedApi
from fastapi_tuning.live_path import LivePath
from fastapi_tuning.observe.controllers import ControllerReader
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint
from fastapi_tuning.reconcile import Reconciler
from fastapi_tuning.report.events import EventRecorder
from fastapi_tuning.report.metrics import OperatorMetrics
from fastapi_tuning.web.app import web_app
from fastapi_tuning.web.catalogue import Objects
from fastapi_tuning.web.probes import probes


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseName:
    """The Lease whose holder acts; it exists already."""

    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return resource_path("coordination.k8s.io/v1", "leases", namespace=self.namespace, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """What the command line and FASTAPI_TUNING_* variables set. No namespaces: all of them."""

    endpoints: Mapping[str, PrometheusEndpoint]
    """By the name that `spec.metrics.endpoint` gives."""
    namespaces: tuple[str, ...]
    scan: bool
    """Whether CRDs and namespaces are noticed as they come and go, which takes rights in the whole cluster."""
    port: int
    web_access: WebAccess
    live: bool
    """Whether settings may go into running pods."""
    divide_resources: bool
    """Whether requests and limits may be divided where workers become pods."""
    webhook: WebhookSettings | None
    lease: LeaseName | None
    """None: this operator is alone, and acts."""


def log_as_json(level: str) -> None:
    """One JSON object a line on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)


async def run_operator(settings: OperatorSettings) -> None:
    """Run until SIGTERM or SIGINT; the first part that ends on its own ends the rest, and its error is raised.

    Raises:
        CannotStart: no cluster is configured, or the port is taken.
    """
    await configure_client()
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(ApiClient())
        listener = listen(settings.port)
        api = KubernetesApi(client)
        elector = None
        if settings.lease is not None:
            elector = Elector(
                api=api,
                path=settings.lease.path,
                identity=f"{socket.gethostname()}_{uuid.uuid4()}",
                began=lambda: loop.lead(),
                ended=lambda: loop.follow(),
                ready=lambda: loop.listed,
            )
        fenced = api if elector is None else FencedApi(api=api, write_seconds=elector.write_seconds)
        reconciler = _reconciler_of(settings, fenced, OperatorMetrics(registry))
        cache = TuningCache(on_gone=lambda tuning: loop.forget(tuning))
        loop = ControlLoop(api=api, cache=cache, reconciler=reconciler, namespaces=settings.namespaces)
        objects = Objects(known=lambda: (*cache.tunings, *cache.unreadable), listed=lambda: loop.listed)
        pages = await stack.enter_async_context(pages_of(settings.web_access, objects))
        app = web_app(probes(registry, lambda: loop.heartbeat, lambda: loop.listed), *pages)
        server = _PageServer(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1))
        parts = _Parts(
            servers=[server], served=[asyncio.create_task(server.serve([listener]))], endless=[], elector=elector
        )
        parts.endless.append(asyncio.create_task(loop.run()))
        if elector is None:
            loop.lead()
        else:
            parts.endless.append(asyncio.create_task(elector.run()))
        if settings.webhook is not None:
            webhook_server = webhook_server_of(settings.webhook, cache, reconciler, EventRecorder(api))
            parts.servers.append(webhook_server)
            listening = functools.partial(listen, settings.webhook.port)
            parts.served.append(asyncio.create_task(webhook_server.run_on(listening)))
            if (keeper := keeper_of(settings.webhook, fenced)) is not None:
                parts.endless.append(asyncio.create_task(keeper.run()))
        await _run_until_told(parts, registry_for(cache, scan=settings.scan), settings.namespaces)


def _reconciler_of(settings: OperatorSettings, api: ApiServer, metrics: OperatorMetrics) -> Reconciler:
    return Reconciler(
        api=api,
        prometheus={name: PrometheusClient(endpoint) for name, endpoint in settings.endpoints.items()},
        events=EventRecorder(api),
        metrics=metrics,
        controllers=ControllerReader(api),
        divides_resources=settings.divide_resources,
        live_path=LivePath(
            api=api,
            metrics=metrics,
            enabled=settings.live,
            injecting=settings.live and settings.webhook is not None,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What runs beside kopf's watch. `endless` tasks are cancelled; servers end when they are asked to."""

    servers: list[uvicorn.Server]
    served: list[asyncio.Task[None]]
    endless: list[asyncio.Task[None]]
    elector: Elector | None

    async def stop(self) -> list[BaseException | None]:
        """Whatever writes ends first, then the lease is handed on, so that never two write."""
        for server in self.servers:
            server.should_exit = True
        for task in self.endless:
            task.cancel()
        ended = await asyncio.gather(*self.endless, return_exceptions=True)
        if self.elector is not None:
            await self.elector.release()
        return ended + await asyncio.gather(*self.served, return_exceptions=True)


async def _run_until_told(parts: _Parts, watch_registry: kopf.OperatorRegistry, namespaces: tuple[str, ...]) -> None:
    """Ours end before kopf does: it takes every task that is younger than itself for a hung one of its own."""
    told, stop_watch = asyncio.Event(), asyncio.Event()
    signalled = asyncio.create_task(told.wait())
    _on_signals(told.set)
    older = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=watch_registry,
        standalone=True,
        # Named, because kopf's own choice asks for the user's name and a container's user may have none.
        identity=FIELD_MANAGER,  # type: ignore[arg-type]  # kopf keeps its NewType of str private
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop_watch,
    )
    _on_signals(told.set)  # kopf has just taken them
    watch = asyncio.create_task(kopf.run_tasks(tasks, ignored=older))
    await asyncio.wait([*parts.served, *parts.endless, watch, signalled], return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    results = await parts.stop()
    stop_watch.set()
    results += await asyncio.gather(watch, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _on_signals(handler: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, handler)


class _PageServer(uvicorn.Server):
    """Leaves the signals to the operator, which ends all parts in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
