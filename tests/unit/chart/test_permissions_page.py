"""docs/permissions.md is what the chart gives: every right is in its table, with a reason, and no other."""

import pytest

from tests.unit.chart.conftest import PROMETHEUS, ROOT, Manifest, Render, aggregated_to, helm_template

Right = tuple[str, str, str, str, bool]
"""Verb, resource, API group, where, and whether only objects of given names."""
PAGE = (ROOT / "docs" / "permissions.md").read_text()


def rows() -> list[list[str]]:
    table = PAGE.split("|---|---|---|---|---|\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def of_the_page() -> set[Right]:
    found = set()
    for verbs, resource, group, where, _ in rows():
        name, named = resource.replace("`", "").partition(",")[0], "by name" in resource
        found |= {(verb, name, group.strip("`").replace("core", ""), where, named) for verb in verbs.split(", ")}
    return found


def of_the_chart(manifests: list[Manifest], *, watched: str) -> set[Right]:
    """`watched`: the kind of role that holds the rights to act."""
    found = set()
    for role in manifests:
        if role["kind"] not in ("Role", "ClusterRole") or aggregated_to(role):
            continue
        for rule in role["rules"]:
            (group,) = rule["apiGroups"]
            for resource in rule["resources"]:
                where = _where(role, resource, watched)
                found |= {(verb, resource, group, where, "resourceNames" in rule) for verb in rule["verbs"]}
    return found


def _where(role: Manifest, resource: str, watched: str) -> str:
    if resource in ("secrets", "leases"):
        return "release"
    outside = resource in ("customresourcedefinitions", "namespaces", "mutatingwebhookconfigurations")
    return "watched" if role["kind"] == watched and not outside else "cluster"


def test_the_page_lists_every_right_and_no_other(render: Render) -> None:
    everywhere = of_the_chart(render("autoscalers.enabled=true"), watched="ClusterRole")
    in_namespaces = of_the_chart(render("autoscalers.enabled=true", "watchNamespaces={shop}"), watched="Role")
    assert of_the_page() == everywhere | in_namespaces


def test_every_right_has_its_reason() -> None:
    assert all(len(row[-1]) > 20 for row in rows())


ROLES_ONLY = ("clusterRole.create=false", "webhook.enabled=false", "watchNamespaces={shop,search}")


def test_with_roles_only_nothing_is_left_of_the_rights_in_the_cluster(render: Render) -> None:
    manifests = render(*ROLES_ONLY)
    assert not [each for each in manifests if each["kind"].startswith("ClusterRole") and not aggregated_to(each)]
    assert {where for *_, where, _ in of_the_chart(manifests, watched="Role")} == {"watched", "release"}
    (deployment,) = (each for each in manifests if each["kind"] == "Deployment")
    assert "--no-scan" in deployment["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("clusterRole.create=false",), "which need watchNamespaces"),
        (("clusterRole.create=false", "watchNamespaces={shop}"), "no right to its webhook configuration"),
    ],
)
def test_roles_only_says_what_else_it_needs(settings: tuple[str, ...], said: str) -> None:
    result = helm_template(*PROMETHEUS, "--set", ",".join(settings))
    assert result.returncode != 0
    assert said in result.stderr
