"""The webhook's configuration: it can keep no pod away, and asks about no more pods than it must."""

from typing import Any

import pytest

from fastapi_tuning.webhooks.server import INJECT_PATH
from tests.unit.chart.conftest import Manifest, Render, only

GIVEN = "webhook.certificates=Given,webhook.given.secretName=mine,webhook.given.caBundle=YXV0aG9yaXR5"


def hook_of(manifests: list[Manifest]) -> dict[str, Any]:
    (hook,) = only(manifests, "MutatingWebhookConfiguration")["webhooks"]
    return dict(hook)


def container_of(manifests: list[Manifest]) -> Manifest:
    (container,) = only(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_a_pod_never_waits_long_and_never_fails_because_of_us(render: Render) -> None:
    hook = hook_of(render())
    assert (hook["failurePolicy"], hook["timeoutSeconds"]) == ("Ignore", 2)


def test_only_the_creation_of_pods_of_deployments_is_asked_about(render: Render) -> None:
    hook = hook_of(render())
    (rule,) = hook["rules"]
    assert (rule["operations"], rule["resources"]) == (["CREATE"], ["pods"])
    assert hook["objectSelector"]["matchExpressions"] == [{"key": "pod-template-hash", "operator": "Exists"}]


def test_the_system_and_the_operator_itself_are_left_out(render: Render) -> None:
    (expression,) = hook_of(render())["namespaceSelector"]["matchExpressions"]
    assert expression["operator"] == "NotIn"
    assert expression["values"] == ["kube-system", "fastapi-tuning-system"]


def test_with_watched_namespaces_only_those_are_asked_about(render: Render) -> None:
    expressions = hook_of(render("watchNamespaces={shop,search}"))["namespaceSelector"]["matchExpressions"]
    assert {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop", "search"]} in expressions


def test_the_api_server_finds_the_operator_under_a_name_of_its_certificate(render: Render) -> None:
    manifests = render()
    service = hook_of(manifests)["clientConfig"]["service"]
    target = only(manifests, "Service")
    assert (service["name"], service["namespace"]) == (target["metadata"]["name"], target["metadata"]["namespace"])
    assert service["port"] in {port["port"] for port in target["spec"]["ports"]}
    assert service["path"] == INJECT_PATH
    assert _value(container_of(manifests), "--webhook-name") == f"{service['name']}.{service['namespace']}.svc"


def test_the_operator_keeps_the_secret_and_the_configuration_that_the_chart_makes(render: Render) -> None:
    manifests = render()
    secret = only(manifests, "Secret")
    assert "data" not in secret, "an upgrade must not empty it"
    container = container_of(manifests)
    assert _value(container, "--webhook-secret") == f"{secret['metadata']['namespace']}/{secret['metadata']['name']}"
    hook = only(manifests, "MutatingWebhookConfiguration")
    assert _value(container, "--webhook-configuration") == hook["metadata"]["name"]


@pytest.mark.parametrize(
    ("source", "secret"),
    [("webhook.certificates=CertManager", "fastapi-tuning-operator-webhook"), (GIVEN, "mine")],
)
def test_a_certificate_from_elsewhere_is_mounted_and_not_made(render: Render, source: str, secret: str) -> None:
    manifests = render(source)
    container = container_of(manifests)
    assert "--webhook-secret" not in container["args"]
    (volume,) = only(manifests, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert volume["secret"]["secretName"] == secret
    (mount,) = container["volumeMounts"]
    assert (mount["mountPath"], mount["readOnly"]) == (_value(container, "--webhook-certificates"), True)


def test_given_authorities_are_trusted(render: Render) -> None:
    assert hook_of(render(GIVEN))["clientConfig"]["caBundle"] == "YXV0aG9yaXR5"


def test_cert_manager_makes_the_certificate_and_the_trust(render: Render) -> None:
    manifests = render("webhook.certificates=CertManager")
    certificate = only(manifests, "Certificate")
    assert certificate["spec"]["dnsNames"] == ["fastapi-tuning-operator.fastapi-tuning-system.svc"]
    annotations = only(manifests, "MutatingWebhookConfiguration")["metadata"]["annotations"]
    assert annotations == {"cert-manager.io/inject-ca-from": "fastapi-tuning-system/fastapi-tuning-operator-webhook"}
    assert certificate["spec"]["issuerRef"]["name"] == only(manifests, "Issuer")["metadata"]["name"]


def test_an_issuer_of_the_user_signs_it(render: Render) -> None:
    issuer = "webhook.certManager.issuer"
    manifests = render("webhook.certificates=CertManager", f"{issuer}.name=company", f"{issuer}.kind=ClusterIssuer")
    assert only(manifests, "Certificate")["spec"]["issuerRef"] == {"name": "company", "kind": "ClusterIssuer"}
    assert "Issuer" not in {manifest["kind"] for manifest in manifests}


@pytest.mark.parametrize("setting", ["live.enabled=false", "webhook.enabled=false"])
def test_without_it_nothing_of_it_is_left(render: Render, setting: str) -> None:
    manifests = render(setting)
    kinds = {manifest["kind"] for manifest in manifests}
    assert kinds.isdisjoint({"MutatingWebhookConfiguration", "Secret"})
    assert [manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] == "Role"] == [
        only(manifests, "Lease")["metadata"]["name"]
    ]
    container = container_of(manifests)
    assert "--agent-image" not in container["args"]
    assert [port["name"] for port in container["ports"]] == ["metrics"]
    assert ("--no-live" in container["args"]) == (setting == "live.enabled=false")


def test_the_agent_comes_from_the_operators_own_image(render: Render) -> None:
    container = container_of(render("image.repository=registry/operator", "image.tag=1.2.3"))
    assert _value(container, "--agent-image") == container["image"] == "registry/operator:1.2.3"


def test_a_pod_monitor_finds_the_agents_of_injected_pods(render: Render) -> None:
    monitor = only(render("podMonitor.enabled=true", "podMonitor.labels.release=prometheus"), "PodMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"] == {"fastapituning.io/agent": "injected"}
    assert [each["port"] for each in monitor["spec"]["podMetricsEndpoints"]] == ["ft-metrics"]


def _value(container: Manifest, option: str) -> str:
    arguments: list[str] = container["args"]
    return arguments[arguments.index(option) + 1]
