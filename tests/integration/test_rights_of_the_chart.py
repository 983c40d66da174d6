"""The operator process with the rights that the chart gives it, and no others: they suffice."""

from pathlib import Path

import pytest

from tests.integration.conftest import eventually, running_operator
from tests.integration.control_plane import ControlPlane
from tests.integration.fake_prometheus import Service
from tests.integration.installed_chart import LEASE, SYSTEM, installed
from tests.integration.test_operator_on_a_real_api_server import (
    condition_of,
    create_target,
    create_tuning,
    overload,
    replicas_of,
)
from tests.unit.chart.conftest import rendered

WATCHED = "watchNamespaces={{{}}}"
ROLES_ONLY = ("clusterRole.create=false", "webhook.enabled=false", WATCHED)


@pytest.mark.parametrize(
    ("settings", "options"),
    [((), ()), ((WATCHED,), ("--namespace={}",)), (ROLES_ONLY, ("--namespace={}", "--no-scan"))],
    ids=["cluster", "watched namespaces", "Roles only"],
)
def test_the_rights_of_the_chart_are_enough_to_see_to_decide_and_to_act(
    plane: ControlPlane,
    namespace: str,
    service: Service,
    tmp_path: Path,
    settings: tuple[str, ...],
    options: tuple[str, ...],
) -> None:
    manifests = rendered(*(each.format(namespace) for each in settings))
    create_target(plane, namespace, service)
    overload(service)
    with installed(plane, manifests, tmp_path) as account:
        given = [f"--prometheus-url={service.url}", f"--lease={SYSTEM}/{LEASE}"]
        given += [each.format(namespace) for each in options]
        with running_operator(account, tmp_path / "operator.log", *given):
            create_tuning(plane, namespace, mode="Auto")

            eventually(lambda: replicas_of(plane, namespace) == 2, "two replicas")
            eventually(lambda: condition_of(plane, namespace, "Ready")[0] == "True", "it says so")

    log = (tmp_path / "operator.log").read_text()
    assert "lease released" in log
    assert "orbidden" not in log
