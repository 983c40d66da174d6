"""The network policy: it closes what the operator does not use, and nothing that it does."""

from tests.unit.chart.conftest import Render, only

ON = "networkPolicy.enabled=true"


def test_it_is_for_the_operators_pod_in_both_directions(render: Render) -> None:
    manifests = render(ON)
    spec = only(manifests, "NetworkPolicy")["spec"]
    labels = only(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}


def test_every_port_of_the_pod_and_no_other_can_be_reached(render: Render) -> None:
    for setting in ("webhook.enabled=true", "webhook.enabled=false"):
        manifests = render(ON, setting)
        (container,) = only(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
        rules = only(manifests, "NetworkPolicy")["spec"]["ingress"]
        opened = {port["port"] for rule in rules for port in rule["ports"]}
        assert opened == {port["name"] for port in container["ports"]}


def test_names_the_api_server_and_prometheus_are_all_that_it_reaches(render: Render) -> None:
    manifests = render(ON, "networkPolicy.prometheusPorts={8481}", "networkPolicy.apiServerPorts={443}")
    rules = only(manifests, "NetworkPolicy")["spec"]["egress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == {53, 443, 8481}


def test_metrics_can_be_kept_to_those_who_scrape_them(render: Render) -> None:
    peer = "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=monitoring"
    metrics, webhook = only(render(ON, peer), "NetworkPolicy")["spec"]["ingress"]
    assert metrics["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert "from" not in webhook, "the API server has no address that a selector knows"
