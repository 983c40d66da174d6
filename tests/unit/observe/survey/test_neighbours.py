"""What other objects of the namespace have to do with a workload."""

from typing import Any

import pytest

from fastapi_tuning.observe.survey.neighbours import (
    budgets_of,
    horizontal_autoscalers_of,
    pods_of,
    proxies_of,
    scaled_objects_of,
)

LABELS = {"app": "checkout", "tier": "web"}


def named(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        ({"matchLabels": {"app": "checkout"}}, True),
        ({"matchLabels": {"app": "orders"}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Near"}]}, False),
        ({}, True),
        (None, False),
    ],
)
def test_a_disruption_budget_counts_if_it_selects_the_pods(selector: dict[str, Any] | None, selects: bool) -> None:
    found = budgets_of([named("one", selector=selector, maxUnavailable=1)], LABELS)
    assert [budget.rule for budget in found] == (["maxUnavailable: 1"] if selects else [])


def test_the_autoscaler_that_keda_made_is_told_as_keda() -> None:
    reference = {"kind": "Deployment", "name": "checkout"}
    made = named("keda-hpa-checkout", scaleTargetRef=reference)
    made["metadata"]["ownerReferences"] = [{"kind": "ScaledObject", "name": "checkout"}]
    own = named("own", scaleTargetRef=reference, maxReplicas=9)
    other = named("other", scaleTargetRef={"kind": "StatefulSet", "name": "checkout"})
    assert [each.name for each in horizontal_autoscalers_of([made, own, other], "checkout")] == ["own"]
    (scaled,) = scaled_objects_of([named("checkout", scaleTargetRef={"name": "checkout"})], "checkout")
    assert (scaled.kind, scaled.max_replicas) == ("ScaledObject", 100)


def test_an_ingress_leads_to_the_pods_by_way_of_a_service() -> None:
    backend = {"service": {"name": "web"}}
    services = [named("web", selector={"app": "checkout"}), named("none"), named("db", selector={"app": "db"})]
    ingresses = [
        named("public", ingressClassName="nginx", rules=[{"http": {"paths": [{"backend": backend}]}}]),
        named("rest", defaultBackend=backend),
        named("other", rules=[{"http": {"paths": [{"backend": {"service": {"name": "db"}}}]}}, {"host": "a"}]),
    ]
    found = proxies_of(services, ingresses, LABELS)
    assert [(proxy.ingress, proxy.ingress_class) for proxy in found] == [("public", "nginx"), ("rest", "")]


def test_a_pod_tells_how_the_apps_own_container_ended() -> None:
    def ended(name: str, reason: str) -> dict[str, Any]:
        last = {"terminated": {"reason": reason, "exitCode": 137, "finishedAt": "2026-01-01T00:00:00Z"}}
        return {"name": name, "restartCount": 2, "lastState": last}

    body = {
        "metadata": {"name": "pod-0"},
        "spec": {"nodeName": "a"},
        "status": {"containerStatuses": [ended("proxy", "Error"), ended("app", "OOMKilled")]},
    }
    ending = {"metadata": {"name": "pod-1", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    (pod,) = pods_of([body, ending], "app")
    assert pod.last_end is not None
    assert (pod.restarts, pod.last_end.reason, pod.node, pod.ready) == (2, "OOMKilled", "a", False)
