"""What is broken, how, and for how long."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.request import Request, urlopen

from kubernetes import client, config

from dev.chaos.path import Answered, Fault, Refused, Silent, Slow
from dev.chaos.stage import Stage
from dev.demo.ownership import RELEASE, RELEASE_NAMESPACE, TUNINGS
from dev.demo.sample_service import NAME
from fastapi_tuning.api.tuning import GROUP, PLURAL, VERSION
from fastapi_tuning.webhooks.certificates import renewed

Json = dict[str, Any]
LEASE_SECONDS = 15
_DECIDING_SECONDS = 8.0
"""Shorter than the leader's own deadline for renewing its lease."""
_NOTICING_SECONDS = 5.0
EDITS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """One row of the table."""

    name: str
    what: str
    """For people."""
    seconds: int
    """How long it stays broken; 0: it is over at once."""
    broken: Callable[[Stage], AbstractContextManager[None]]
    tells: str = ""
    """Condition that turns False meanwhile; empty: there is nothing to tell, or no way to."""
    surge_per_second: int = 0
    """Load that is added just before, so that a decision is due."""
    changes_leader: bool = False
    interrupts_clients: bool = False
    """It is the service itself that is broken."""
    in_short: bool = False
    """Also part of the short run."""


def _vector(*rows: Json) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": rows}}).encode()


_NOT_A_NUMBER = {"metric": {"namespace": "none", "pod": "none"}, "value": [0, "NaN"]}


def _prometheus(fault: Fault) -> Callable[[Stage], AbstractContextManager[None]]:
    return lambda stage: stage.prometheus.broken(fault)


def _api_server(fault: Fault) -> Callable[[Stage], AbstractContextManager[None]]:
    return lambda stage: stage.api_server.broken(fault)


@contextmanager
def _leader_killed_before_its_write(stage: Stage) -> Iterator[None]:
    """Its calls get lost for longer than a cycle takes, so it has decided; then it dies."""
    leader = stage.leader()
    with stage.api_server.broken(Silent()):
        time.sleep(_DECIDING_SECONDS)
        stage.kill(RELEASE_NAMESPACE, leader)
    yield


@contextmanager
def _all_operators_killed(stage: Stage) -> Iterator[None]:
    stage.kill(RELEASE_NAMESPACE, *stage.operators())
    yield


@contextmanager
def _history_compacted(stage: Stage) -> Iterator[None]:
    """No watch can be taken up where it was; an object that goes meanwhile goes unseen."""
    stage.kubectl.apply(json.dumps(_copied(stage.service.tuning(), "ghost")))
    time.sleep(_NOTICING_SECONDS)
    with stage.api_server.broken(Silent()):
        stage.service.delete(TUNINGS, "ghost", "--wait=false")
        _patch(stage, stage.service.namespace, f"{TUNINGS}/ghost", {"metadata": {"finalizers": None}})
        _compact(stage.layout.etcd_url)
        yield


def _compact(etcd_url: str) -> None:
    """Through etcd's own HTTP gateway."""
    revision = _etcd(f"{etcd_url}/v3/kv/range", {"key": base64.b64encode(b"/").decode(), "count_only": True})
    _etcd(f"{etcd_url}/v3/kv/compaction", {"revision": revision["header"]["revision"]})


def _etcd(url: str, body: Json) -> Json:
    request = Request(url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        found: Json = json.load(answer)
        return found


@contextmanager
def _a_third_not_scraped(stage: Stage) -> Iterator[None]:
    annotate = partial(stage.kubectl.run, "annotate", "--overwrite", "--namespace", stage.service.namespace)
    hidden = [f"pod/{name}" for name in _a_third_of_the_pods(stage)]
    annotate(*hidden, "prometheus.io/scrape=false")
    try:
        yield
    finally:
        annotate(*hidden, "prometheus.io/scrape=true")


@contextmanager
def _webhook_unreachable(stage: Stage) -> Iterator[None]:
    """New pods come without the agent; when it is back, they are replaced as a person would replace them."""
    selector = stage.kubectl.get("--namespace", RELEASE_NAMESPACE, f"service/{RELEASE}")["spec"]["selector"]
    _select(stage, {"nowhere": "true"})
    try:
        _restart(stage)
        yield
    finally:
        _select(stage, {"nowhere": None} | selector)
        _restart(stage)


def _select(stage: Stage, selector: Json) -> None:
    _patch(stage, RELEASE_NAMESPACE, f"service/{RELEASE}", {"spec": {"selector": selector}})


def _restart(stage: Stage) -> None:
    stage.kubectl.run("rollout", "restart", "--namespace", stage.service.namespace, f"deployment/{NAME}")
    stage.kubectl.await_rollout(stage.service.namespace, NAME)


@contextmanager
def _certificate_expired(stage: Stage) -> Iterator[None]:
    """As after a year in which no operator ran: both come back to a certificate that nobody accepts."""
    name = f"{RELEASE}.{RELEASE_NAMESPACE}.svc"
    old = renewed(None, (name,), datetime.now(UTC) - timedelta(days=730))
    pems = {"ca.crt": old.authorities, "ca.key": old.authority_key, "tls.crt": old.serving, "tls.key": old.serving_key}
    data = {key: base64.b64encode(pem).decode() for key, pem in pems.items()}
    _patch(stage, RELEASE_NAMESPACE, f"secret/{RELEASE}-webhook", {"data": data})
    stage.kill(RELEASE_NAMESPACE, *stage.operators())
    yield


@contextmanager
def _a_third_killed(stage: Stage) -> Iterator[None]:
    stage.kill(stage.service.namespace, *_a_third_of_the_pods(stage))
    yield


@contextmanager
def _edited_all_the_time(stage: Stage) -> Iterator[None]:
    config.load_kube_config()  # type: ignore[no-untyped-call]
    objects = client.CustomObjectsApi()
    most = stage.service.tuning()["spec"]["replicas"]["max"]
    for edit in range(EDITS):
        changed = {"spec": {"replicas": {"max": most + (edit + 1) % 2}}}
        objects.patch_namespaced_custom_object(GROUP, VERSION, stage.service.namespace, PLURAL, NAME, changed)
    yield


@contextmanager
def _made_anew(stage: Stage) -> Iterator[None]:
    tuning = stage.service.tuning()
    stage.service.delete(TUNINGS, NAME)
    stage.kubectl.apply(json.dumps(_copied(tuning, NAME)))
    yield


@contextmanager
def _an_hpa_comes(stage: Stage) -> Iterator[None]:
    """One that asks for metrics that this cluster does not have, so it holds the pods and moves none."""
    namespace = ("--namespace", stage.service.namespace)
    stage.kubectl.run("autoscale", *namespace, f"deployment/{NAME}", "--min=1", "--max=10", "--cpu-percent=50")
    try:
        yield
    finally:
        stage.kubectl.run("delete", *namespace, "horizontalpodautoscaler", NAME)


def _a_third_of_the_pods(stage: Stage) -> list[str]:
    """Names; one at least."""
    pods = [pod["metadata"]["name"] for pod in stage.service.pods()]
    return pods[: max(1, len(pods) // 3)]


def _copied(tuning: Json, name: str) -> Json:
    """What its user wrote, under that name."""
    metadata = {"name": name, "namespace": tuning["metadata"]["namespace"]}
    return {key: tuning[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": metadata}


def _patch(stage: Stage, namespace: str, what: str, change: Json) -> None:
    stage.kubectl.run("patch", "--namespace", namespace, what, "--type=merge", f"--patch={json.dumps(change)}")


BREAKAGES = (
    Breakage(name="nothing", what="nothing", seconds=60, broken=lambda _: nullcontext(), in_short=True),
    Breakage(
        name="leader_killed",
        what="the leader dies between decision and write, while load rises",
        seconds=0,
        broken=_leader_killed_before_its_write,
        surge_per_second=30,
        changes_leader=True,
        in_short=True,
    ),
    Breakage(
        name="all_killed", what="both operators die", seconds=0, broken=_all_operators_killed, changes_leader=True
    ),
    Breakage(name="api_server_down", what="API server down for 60 s", seconds=60, broken=_api_server(Refused())),
    Breakage(
        name="api_server_slow", what="each call to the API server takes 2 s", seconds=90, broken=_api_server(Slow(2.0))
    ),
    Breakage(
        name="watch_cut",
        what="connections to the API server fall silent and stay open",
        seconds=60,
        broken=_api_server(Silent()),
        in_short=True,
    ),
    Breakage(
        name="compaction",
        what="etcd compacted while no watch works, and an object deleted (410 Gone)",
        seconds=60,
        broken=_history_compacted,
    ),
    Breakage(
        name="prometheus_down",
        what="Prometheus down for 5 min",
        seconds=300,
        broken=_prometheus(Refused()),
        tells="MetricsAvailable",
    ),
    Breakage(
        name="prometheus_empty",
        what="Prometheus answers nothing found",
        seconds=60,
        broken=_prometheus(Answered(_vector())),
        tells="MetricsAvailable",
        in_short=True,
    ),
    Breakage(
        name="prometheus_nan",
        what="Prometheus answers NaN",
        seconds=60,
        broken=_prometheus(Answered(_vector(_NOT_A_NUMBER))),
        tells="MetricsAvailable",
    ),
    Breakage(
        name="prometheus_503",
        what="Prometheus answers 503",
        seconds=60,
        broken=_prometheus(Answered(b"", status="503 Service Unavailable")),
        tells="MetricsAvailable",
    ),
    Breakage(
        name="prometheus_html",
        what="a login page answers for Prometheus",
        seconds=60,
        broken=_prometheus(Answered(b"<html><body>Log in</body></html>", content_type="text/html")),
        tells="MetricsAvailable",
    ),
    Breakage(
        name="prometheus_slow",
        what="Prometheus takes 30 s",
        seconds=90,
        broken=_prometheus(Slow(30.0)),
        tells="MetricsAvailable",
    ),
    Breakage(
        name="third_not_scraped",
        what="metrics of a third of the pods missing",
        seconds=75,
        broken=_a_third_not_scraped,
        tells="MetricsAvailable",
    ),
    Breakage(
        name="webhook_unreachable",
        what="webhook unreachable while all pods are replaced",
        seconds=45,
        broken=_webhook_unreachable,
        tells="AgentInjected",
    ),
    Breakage(
        name="certificate_expired",
        what="both operators come back to an expired certificate",
        seconds=0,
        broken=_certificate_expired,
        changes_leader=True,
    ),
    Breakage(
        name="pods_killed",
        what="a third of the service's pods killed",
        seconds=0,
        broken=_a_third_killed,
        interrupts_clients=True,
    ),
    Breakage(name="edited", what=f"the object edited {EDITS} times", seconds=0, broken=_edited_all_the_time),
    Breakage(name="made_anew", what="the object deleted and made anew", seconds=0, broken=_made_anew),
    Breakage(name="hpa_comes", what="an HPA on the same target", seconds=45, broken=_an_hpa_comes, tells="NoConflict"),
)
"""In this order; each begins when the service is well."""
