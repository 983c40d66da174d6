"""Who may see the pages, as the chart sets it; and that it gives the operator no right to ask about others."""

import pytest

from fastapi_tuning.cli.web import WebAccess
from tests.unit.chart.conftest import PROMETHEUS, Manifest, Render, helm_template, only


def access_of(manifests: list[Manifest]) -> WebAccess:
    (container,) = only(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    return WebAccess(container["args"][container["args"].index("--web-access") + 1])


def test_a_token_is_needed_unless_somebody_says_otherwise(render: Render) -> None:
    assert access_of(render()) is WebAccess.TOKEN


@pytest.mark.parametrize("access", list(WebAccess))
def test_every_setting_is_one_of_the_operators(render: Render, access: WebAccess) -> None:
    assert access_of(render(f"web.access={access.capitalize()}")) is access


def test_another_setting_is_refused() -> None:
    result = helm_template(*PROMETHEUS, "--set", "web.access=Anybody")
    assert result.returncode != 0
    assert "web/access" in result.stderr or "web.access" in result.stderr


@pytest.mark.parametrize("settings", [(), ("watchNamespaces={shop}",)], ids=["cluster", "watched namespaces"])
def test_the_operator_may_not_ask_who_others_are(render: Render, settings: tuple[str, ...]) -> None:
    roles = [each for each in render(*settings) if each["kind"] in ("Role", "ClusterRole")]
    groups = {group for role in roles for rule in role["rules"] for group in rule["apiGroups"]}
    assert groups.isdisjoint({"authentication.k8s.io", "authorization.k8s.io"})
