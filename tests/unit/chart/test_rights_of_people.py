"""What people gain who have the cluster's own roles in a namespace."""

import pytest

from tests.unit.chart.conftest import Manifest, Render, aggregated_to


@pytest.mark.parametrize(
    ("role", "verbs"),
    [
        ("view", {"get", "list", "watch"}),
        ("edit", {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}),
        ("admin", {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}),
    ],
)
def test_people_may_do_with_tunings_what_they_may_do_with_workloads(render: Render, role: str, verbs: set[str]) -> None:
    rules = [rule for manifest in render() if role in aggregated_to(manifest) for rule in manifest["rules"]]
    assert all((rule["apiGroups"], rule["resources"]) == (["fastapituning.io"], ["fastapitunings"]) for rule in rules)
    assert {verb for rule in rules for verb in rule["verbs"]} == verbs


def test_who_may_profile_is_for_you_to_say(render: Render) -> None:
    def roles(*settings: str) -> list[Manifest]:
        return [each for each in render(*settings) if each["metadata"]["name"].endswith("-profile")]

    assert roles() == []
    (role,) = roles("profileClusterRole=true")
    assert not aggregated_to(role)
    assert {(resource, *rule["verbs"]) for rule in role["rules"] for resource in rule["resources"]} == {
        ("pods", "get", "patch"),
        ("pods/proxy", "get"),
    }
    bindings = [each for each in render("profileClusterRole=true") if each["kind"].endswith("RoleBinding")]
    assert not any(each["roleRef"]["name"] == role["metadata"]["name"] for each in bindings)


def test_the_rights_of_people_can_be_left_to_somebody_else(render: Render) -> None:
    assert not any(aggregated_to(manifest) for manifest in render("aggregateClusterRoles=false"))
