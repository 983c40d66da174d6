"""Puts the webhook together: its settings, its server, and who keeps its certificates."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastapi_tuning.api.agent import start_settings
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import ApiServer, resource_path
from fastapi_tuning.control.route import wants_agent
from fastapi_tuning.errors import NotFound, WriteRejected
from fastapi_tuning.handlers.cache import TuningCache
from fastapi_tuning.reconcile import Reconciler
from fastapi_tuning.report.events import EventRecorder, EventType
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


def webhook_server_of(
    settings: WebhookSettings, cache: TuningCache, reconciler: Reconciler, events: EventRecorder
) -> WebhookServer:
    """The webhook over what the watch and the newest cycles know.

    Args:
        events: tells of pods that were left alone; not the leader's, since whoever was asked is the only one to know.
    """
    app = webhook(_injector(settings.source, cache, reconciler, events))
    return WebhookServer(app, CertificateFiles(settings.certificates_directory))


def keeper_of(settings: WebhookSettings, api: ApiServer) -> CertificateKeeper | None:
    """None where the certificates come from elsewhere."""
    own = settings.self_managed
    if own is None:
        return None
    return CertificateKeeper(
        api=api,
        secret_path=resource_path("v1", "secrets", namespace=own.secret_namespace, name=own.secret_name),
        configuration_path=resource_path(
            "admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", name=own.configuration_name
        ),
        names=own.names,
        directory=settings.certificates_directory,
    )


def _injector(source: AgentSource, cache: TuningCache, reconciler: Reconciler, events: EventRecorder) -> Injector:
    def wanted(tuning: FastAPITuning) -> bool:
        return wants_agent(tuning.spec) and not reconciler.newest_status(tuning).live.gave_up(tuning.generation)

    def settings_of(tuning: FastAPITuning) -> str:
        status = reconciler.newest_status(tuning)
        return start_settings(status.applied, status.live, tuning.spec, datetime.now(UTC))

    async def refused(tuning: FastAPITuning, message: str) -> None:
        try:
            await events.record(tuning, EventType.WARNING, Reason.INJECTION_REFUSED, message, datetime.now(UTC))
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
