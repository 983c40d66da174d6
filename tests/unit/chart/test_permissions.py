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
    ("autoscaling", "horizontalpodautoscalers", "list"),
    ("", "events", "create"),
}
SCAN_FOR_THE_CRD = {
    ("apiextensions.k8s.io", "customresourcedefinitions", "list"),
    ("apiextensions.k8s.io", "customresourcedefinitions", "watch"),
}
SCAN_FOR_NAMESPACES = {("", "namespaces", "list"), ("", "namespaces", "watch")}


def test_cluster_wide_it_may_do_exactly_what_the_code_does(render: Render) -> None:
    assert _permissions(only(render(), "ClusterRole")) == WHERE_IT_ACTS | SCAN_FOR_THE_CRD


def test_with_watched_namespaces_it_acts_in_them_only(render: Render) -> None:
    manifests = render("watchNamespaces={shop,search}")
    roles = [manifest for manifest in manifests if manifest["kind"] == "Role"]
    assert [role["metadata"]["namespace"] for role in roles] == ["shop", "search"]
    assert all(_permissions(role) == WHERE_IT_ACTS for role in roles)
    assert _permissions(only(manifests, "ClusterRole")) == SCAN_FOR_THE_CRD | SCAN_FOR_NAMESPACES


def test_watched_namespaces_reach_the_operator(render: Render) -> None:
    deployment = only(render("watchNamespaces={shop,search}"), "Deployment")
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    values = [value for option, value in itertools.pairwise(arguments) if option == "--namespace"]
    assert values == ["shop", "search"]


@pytest.mark.parametrize("settings", [(), ("watchNamespaces={shop}",)], ids=["cluster", "namespaces"])
def test_no_rule_is_a_wildcard_or_reaches_secrets(render: Render, settings: tuple[str, ...]) -> None:
    for role in render(*settings):
        for group, resource, verb in _permissions(role) if role["kind"] in ("Role", "ClusterRole") else ():
            assert "*" not in group + resource + verb
            assert resource.split("/")[0] != "secrets"


@pytest.mark.parametrize("settings", [(), ("watchNamespaces={shop}",)], ids=["cluster", "namespaces"])
def test_the_rights_are_bound_to_the_account_that_the_pod_runs_under(render: Render, settings: tuple[str, ...]) -> None:
    manifests = render(*settings, "serviceAccount.name=tuner")
    account = only(manifests, "ServiceAccount")["metadata"]
    assert only(manifests, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]
    for binding in (manifest for manifest in manifests if manifest["kind"].endswith("RoleBinding")):
        (subject,) = binding["subjects"]
        assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])


def _permissions(role: Manifest) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
