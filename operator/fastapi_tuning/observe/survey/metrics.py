"""What Prometheus knows of one service, for an audit; whatever it does not answer is an `Unread` that says why."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Metrics
from fastapi_tuning.audit.facts import BlockingPlace, Seen, Unread
from fastapi_tuning.audit.seen import UNREAD_AGENT
from fastapi_tuning.control.observation import NoData, Signals
from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe import queries
from fastapi_tuning.observe.metrics import MetricsTarget, read_signals
from fastapi_tuning.observe.prometheus import PrometheusReader, UntilSilent
from fastapi_tuning.observe.signals import PodKey, is_plausible
from fastapi_tuning.observe.survey.server import InForce

Result = TypeVar("Result")

NOT_ASKED = Unread(
    id="unread-prometheus",
    what="Prometheus",
    why="no address was given",
    fix="fastapi-tuning audit … --prometheus-url http://prometheus.monitoring:9090",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSubject:
    """Whose metrics are asked for. `liveness_path`: None without an HTTP liveness probe."""

    namespace: str
    deployment: str
    container: str
    liveness_path: str | None
    pods: frozenset[PodKey] | Unread
    """The ready ones."""
    metrics: Metrics
    threshold_seconds: float


def nothing_seen(why: Unread, liveness_path: str | None) -> Seen:
    """Where nobody is asked."""
    liveness = None if liveness_path is None else why
    return Seen(signals=why, blocking=why, throttled_ratio=why, liveness_seconds=liveness)


def read_seen(reader: PrometheusReader, subject: MetricsSubject, at: datetime) -> tuple[Seen, InForce | None]:
    """What is seen, and what the agents report of their servers. Never raises for a Prometheus that fails."""
    asked = _Asking(reader=UntilSilent(reader), subject=subject, at=at)
    in_force = asked.answer(asked.in_force)
    agent = isinstance(in_force, InForce)
    seen = Seen(
        signals=asked.signals(),
        blocking=asked.answer(asked.blocking) if agent else _without_agent(in_force),
        throttled_ratio=asked.answer(asked.throttled_ratio),
        liveness_seconds=None if subject.liveness_path is None else asked.answer(asked.liveness_seconds),
    )
    return seen, in_force if isinstance(in_force, InForce) else None


def _without_agent(found: InForce | Unread | None) -> Unread:
    return found if isinstance(found, Unread) else UNREAD_AGENT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """Questions about one subject at one moment."""

    reader: PrometheusReader
    subject: MetricsSubject
    at: datetime

    @property
    def where(self) -> str:
        return queries.deployment_selector(self.subject.namespace, self.subject.deployment)

    def answer(self, question: Callable[[], Result]) -> Result | Unread:
        try:
            return question()
        except MetricsUnavailable as error:
            return _unread(str(error))

    def signals(self) -> Signals | Unread:
        """As the operator itself reads them; its ways of having no answer are not the service's fault."""
        subject = self.subject
        if isinstance(subject.pods, Unread):
            return subject.pods
        key = (subject.namespace, subject.deployment)
        target = MetricsTarget(
            key=key, pods=subject.pods, metrics=subject.metrics, threshold_seconds=subject.threshold_seconds
        )
        found = read_signals(self.reader, [target], self.at)[key]
        lost = isinstance(found, NoData) and found.reason in (Reason.PROMETHEUS_UNREACHABLE, Reason.QUERY_BUDGET_SPENT)
        return _unread(found.message) if lost and isinstance(found, NoData) else found

    def in_force(self) -> InForce | None:
        """None: no agent reports."""
        found = {
            sample.metric.removeprefix("fastapi_tuning_"): sample.value
            for sample in self.reader.query(queries.servers_in_force(self.where), self.at)
            if is_plausible(sample.value)
        }
        if "workers" not in found:
            return None
        return InForce(
            workers=max(1, round(found["workers"])),
            limit_concurrency=_whole(found.get("limit_concurrency")),
            keep_alive_seconds=_whole(found.get("timeout_keep_alive_seconds")),
        )

    def blocking(self) -> tuple[BlockingPlace, ...]:
        samples = self.reader.query(queries.blocked_seconds(self.where), self.at)
        return tuple(
            BlockingPlace(where=sample.labels.get("where", "?"), blocked_seconds=sample.value)
            for sample in samples
            if is_plausible(sample.value)
        )

    def throttled_ratio(self) -> float | Unread:
        value = self._single(queries.throttled_ratio(self.where, self.subject.container))
        if value is not None:
            return value
        return Unread(
            id="unread-throttling",
            what="CPU throttling",
            why="Prometheus has no container_cpu_cfs_throttled_periods_total of the pods",
            fix="# let Prometheus scrape the kubelet's /metrics/cadvisor",
        )

    def liveness_seconds(self) -> float | Unread:
        path = self.subject.liveness_path or "/"
        value = self._single(queries.path_latency(self.where, path))
        if value is not None:
            return value
        return Unread(
            id="unread-liveness-time",
            what="The time that the liveness endpoint takes",
            why=f"no library counts {path} apart",
            fix=f"# instrument {path} too: it must not be among the excluded handlers",
        )

    def _single(self, promql: str) -> float | None:
        """The one value; None without any, or with one that is no number (nothing divided by nothing)."""
        values = [sample.value for sample in self.reader.query(promql, self.at)]
        return values[0] if len(values) == 1 and math.isfinite(values[0]) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _unread(why: str) -> Unread:
    return Unread(id="unread-prometheus", what="Prometheus", why=why, fix="# see docs/metrics.md")
