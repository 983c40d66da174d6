"""The operator may do what its code does, and nothing else."""

import itertools

import pytest

from tests.unit.chart.conftest import Manifest, Render, only

# Each line is one request in the code: paths of `ApiServer` calls, and kopf's watch.
WHERE_IT_ACTS = {
    ("fastapituning.io", "fastapitunings", "list"),
    ("fastapituning.io", "fastapitunings", "watch"),
    ("fastapituning.io", "fastapitunings/status", "patch"),
    ("apps", "deployments", "get"),
    ("apps", "deployments", "patch"),
    ("apps", "deployments/scale", "patch"),
    ("", "pods", "list"),
    ("", "pods", "patch"),
    ("autoscaling", "horizontalpodautoscalers", "list"),
    ("keda.sh", "scaledobjects", "list"),
    ("autoscaling.k8s.io", "verticalpodautoscalers", "list"),
    ("argoproj.io", "rollouts", "list"),
    ("flagger.app", "canaries", "list"),
    ("", "events", "create"),
}
SCAN_FOR_THE_CRD = {
    ("apiextensions.k8s.io", "customresourcedefinitions", "list"),
    ("apiextensions.k8s.io", "customresourcedefinitions", "watch"),
}
ITS_OWN_WEBHOOK = {
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "get"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "patch"),
}
ITS_OWN_SECRET = {("", "secrets", "get"), ("", "secrets", "patch")}
ITS_OWN_LEASE = {("coordination.k8s.io", "leases", "get"), ("coordination.k8s.io", "leases", "patch")}
SCAN_FOR_NAMESPACES = {("", "namespaces", "list"), ("", "namespaces", "watch")}


def test_cluster_wide_it_may_do_exactly_what_the_code_does(render: Render) -> None:
    assert _permissions(only(render(), "ClusterRole")) == WHERE_IT_ACTS | SCAN_FOR_THE_CRD | ITS_OWN_WEBHOOK


def test_with_watched_namespaces_it_acts_in_them_only(render: Render) -> None:
    manifests = render("watchNamespaces={shop,search}")
    by_name = (ITS_OWN_SECRET, ITS_OWN_LEASE)
    roles = [manifest for manifest in _roles(manifests) if _permissions(manifest) not in by_name]
    assert [role["metadata"]["namespace"] for role in roles] == ["shop", "search"]
    assert all(_permissions(role) == WHERE_IT_ACTS for role in roles)
    expected = SCAN_FOR_THE_CRD | SCAN_FOR_NAMESPACES | ITS_OWN_WEBHOOK
    assert _permissions(only(manifests, "ClusterRole")) == expected


def test_it_reaches_its_own_secret_lease_and_webhook_by_name_and_no_other(render: Render) -> None:
    manifests = render()
    roles = _roles(manifests)
    assert {role["metadata"]["namespace"] for role in roles} == {"fastapi-tuning-system"}
    assert [_permissions(role) for role in roles] == [ITS_OWN_LEASE, ITS_OWN_SECRET]
    named = {
        rule["resources"][0]: rule["resourceNames"]
        for each in (*roles, only(manifests, "ClusterRole"))
        for rule in each["rules"]
        if "resourceNames" in rule
    }
    assert named == {
        "leases": [only(manifests, "Lease")["metadata"]["name"]],
        "secrets": [only(manifests, "Secret")["metadata"]["name"]],
        "mutatingwebhookconfigurations": [only(manifests, "MutatingWebhookConfiguration")["metadata"]["name"]],
    }


def test_it_may_write_to_autoscalers_only_where_that_is_asked_for(render: Render) -> None:
    written = {("autoscaling", "horizontalpodautoscalers", "patch"), ("keda.sh", "scaledobjects", "patch")}
    permissions = _permissions(only(render("autoscalers.enabled=true"), "ClusterRole"))
    assert permissions == WHERE_IT_ACTS | written | SCAN_FOR_THE_CRD | ITS_OWN_WEBHOOK


def test_without_the_live_path_it_may_not_write_to_pods(render: Render) -> None:
    permissions = _permissions(only(render("live.enabled=false"), "ClusterRole"))
    assert permissions == (WHERE_IT_ACTS - {("", "pods", "patch")}) | SCAN_FOR_THE_CRD


@pytest.mark.parametrize("source", ["CertManager", "Given,webhook.given.secretName=tls,webhook.given.caBundle=YQ=="])
def test_with_certificates_from_elsewhere_it_reaches_no_secret_and_no_webhook(render: Render, source: str) -> None:
    manifests = render(f"webhook.certificates={source}")
    assert [_permissions(role) for role in _roles(manifests)] == [ITS_OWN_LEASE]
    assert _permissions(only(manifests, "ClusterRole")) == WHERE_IT_ACTS | SCAN_FOR_THE_CRD


def test_watched_namespaces_reach_the_operator(render: Render) -> None:
    deployment = only(render("watchNamespaces={shop,search}"), "Deployment")
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    values = [value for option, value in itertools.pairwise(arguments) if option == "--namespace"]
    assert values == ["shop", "search"]


@pytest.mark.parametrize("settings", [(), ("watchNamespaces={shop}",)], ids=["cluster", "namespaces"])
def test_no_rule_is_a_wildcard_or_reaches_secrets_at_large(render: Render, settings: tuple[str, ...]) -> None:
    for role in render(*settings):
        for rule in role["rules"] if role["kind"] in ("Role", "ClusterRole") else ():
            for group, resource, verb in _permissions({"rules": [rule]}):
                assert "*" not in group + resource + verb
                assert resource.split("/")[0] != "secrets" or len(rule["resourceNames"]) == 1


@pytest.mark.parametrize("settings", [(), ("watchNamespaces={shop}",)], ids=["cluster", "namespaces"])
def test_the_rights_are_bound_to_the_account_that_the_pod_runs_under(render: Render, settings: tuple[str, ...]) -> None:
    manifests = render(*settings, "serviceAccount.name=tuner")
    account = only(manifests, "ServiceAccount")["metadata"]
    assert only(manifests, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]
    for binding in (manifest for manifest in manifests if manifest["kind"].endswith("RoleBinding")):
        (subject,) = binding["subjects"]
        assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])


def _roles(manifests: list[Manifest]) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == "Role"]


def _permissions(role: Manifest) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
