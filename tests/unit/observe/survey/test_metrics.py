"""What Prometheus knows of one service, and what is said where it does not answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Metrics
from fastapi_tuning.audit.facts import BlockingPlace, Unread
from fastapi_tuning.audit.seen import UNREAD_AGENT
from fastapi_tuning.control.observation import NoData
from fastapi_tuning.errors import MetricsUnavailable, PrometheusSilent
from fastapi_tuning.observe.prometheus import Sample
from fastapi_tuning.observe.survey.metrics import MetricsSubject, read_seen
from fastapi_tuning.observe.survey.server import InForce

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SUBJECT = MetricsSubject(
    namespace="shop",
    deployment="checkout",
    container="app",
    liveness_path="/healthz",
    pods=frozenset({("shop", "checkout-bbf-2xk4d")}),
    metrics=Metrics(),
    threshold_seconds=0.5,
)
REFUSED = Unread(id="unread-pods", what="pods", why="403", fix="# ask")


@dataclass
class Answers:
    """A Prometheus with samples by a part of the query; the error of `fails` instead, if it is named."""

    samples: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    fails: MetricsUnavailable | None = None
    asked: list[str] = field(default_factory=list)

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        self.asked.append(promql)
        if self.fails is not None:
            raise self.fails
        return next((found for part, found in self.samples.items() if part in promql), ())


def gauge(name: str, value: float) -> Sample:
    return Sample(labels={"__name__": f"fastapi_tuning_{name}"}, value=value)


def single(value: float) -> tuple[Sample, ...]:
    return (Sample(labels={}, value=value),)


AGENT = {"fastapi_tuning_(workers": (gauge("workers", 1), gauge("timeout_keep_alive_seconds", 30))}


def test_what_the_agent_reports_is_in_force_and_no_limit_is_none() -> None:
    _, in_force = read_seen(Answers(AGENT), SUBJECT, NOW)
    assert in_force == InForce(workers=1, limit_concurrency=None, keep_alive_seconds=30)


def test_without_an_agent_blocking_calls_are_unread_and_not_absent() -> None:
    seen, in_force = read_seen(Answers(), SUBJECT, NOW)
    assert in_force is None
    assert seen.blocking is UNREAD_AGENT


def test_with_an_agent_and_no_stall_there_are_no_blocking_calls() -> None:
    seen, _ = read_seen(Answers(AGENT), SUBJECT, NOW)
    assert seen.blocking == ()


def test_blocking_calls_are_told_by_their_place() -> None:
    place = Sample(labels={"where": "app/orders.py:41 price"}, value=12.5)
    seen, _ = read_seen(Answers({**AGENT, "loop_blocked": (place,)}), SUBJECT, NOW)
    assert seen.blocking == (BlockingPlace(where="app/orders.py:41 price", blocked_seconds=12.5),)


@pytest.mark.parametrize("nothing", [(), single(float("nan"))])
def test_nothing_divided_by_nothing_is_unread(nothing: tuple[Sample, ...]) -> None:
    seen, _ = read_seen(Answers({"cfs": nothing, "/healthz": nothing}), SUBJECT, NOW)
    assert isinstance(seen.throttled_ratio, Unread)
    assert isinstance(seen.liveness_seconds, Unread)


def test_shares_and_times_are_read() -> None:
    seen, _ = read_seen(Answers({"cfs": single(0.25), "/healthz": single(0.004)}), SUBJECT, NOW)
    assert (seen.throttled_ratio, seen.liveness_seconds) == (0.25, 0.004)


def test_a_path_is_no_way_out_of_the_query() -> None:
    prometheus = Answers()
    read_seen(prometheus, replace(SUBJECT, liveness_path='/a"} or up{b="\\'), NOW)
    assert any('handler="/a\\"} or up{b=\\"\\\\"' in promql for promql in prometheus.asked)


def test_a_probe_without_a_path_is_not_asked_for() -> None:
    prometheus = Answers()
    seen, _ = read_seen(prometheus, replace(SUBJECT, liveness_path=None), NOW)
    assert seen.liveness_seconds is None
    assert not any("handler" in promql for promql in prometheus.asked)


def test_a_prometheus_that_is_silent_is_asked_once_and_leaves_everything_unread() -> None:
    prometheus = Answers(fails=PrometheusSilent("Prometheus is not reachable"))
    seen, in_force = read_seen(prometheus, SUBJECT, NOW)
    assert in_force is None
    assert {seen.signals, seen.blocking, seen.throttled_ratio, seen.liveness_seconds} == {seen.signals}
    assert isinstance(seen.signals, Unread)
    assert "not reachable" in seen.signals.why
    assert len(prometheus.asked) == 1


def test_metrics_that_are_missing_are_not_a_prometheus_that_is() -> None:
    seen, _ = read_seen(Answers(), SUBJECT, NOW)
    assert isinstance(seen.signals, NoData)
    assert seen.signals.reason is Reason.NOT_SCRAPED


def test_pods_that_are_unread_have_unread_metrics() -> None:
    seen, _ = read_seen(Answers(), replace(SUBJECT, pods=REFUSED), NOW)
    assert seen.signals is REFUSED
