"""Objects of other controllers on a real API server: found with the rights of the chart, and heeded."""

from pathlib import Path

import pytest

from tests.integration.conftest import eventually, running_operator
from tests.integration.control_plane import ControlPlane
from tests.integration.fake_prometheus import Service
from tests.integration.foreign_kinds import serve
from tests.integration.installed_chart import installed
from tests.integration.test_operator_on_a_real_api_server import (
    Json,
    condition_of,
    create_target,
    create_tuning,
    overload,
    replicas_of,
    status_of,
)
from tests.unit.chart.conftest import rendered

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}
KINDS: dict[str, tuple[str, str, str, Json]] = {
    "keda.sh": ("ScaledObject", "scaledobjects", "v1alpha1", {"scaleTargetRef": {"name": "checkout"}}),
    "argoproj.io": ("Rollout", "rollouts", "v1alpha1", {"workloadRef": TARGET}),
    "flagger.app": ("Canary", "canaries", "v1beta1", {"targetRef": TARGET}),
    "autoscaling.k8s.io": (
        "VerticalPodAutoscaler",
        "verticalpodautoscalers",
        "v1",
        {"targetRef": TARGET, "updatePolicy": {"updateMode": "Recreate"}},
    ),
}
"""Kind, plural, version and a spec that names the target, by API group."""


@pytest.fixture(params=list(KINDS))
def group(request: pytest.FixtureRequest, plane: ControlPlane) -> str:
    group = str(request.param)
    kind, plural, version, _ = KINDS[group]
    serve(plane, group, kind, plural, version)
    return group


def create_object(plane: ControlPlane, namespace: str, group: str) -> None:
    kind, plural, version, spec = KINDS[group]
    body = {"apiVersion": f"{group}/{version}", "kind": kind, "metadata": {"name": "theirs"}, "spec": spec}
    plane.call("POST", f"/apis/{group}/{version}/namespaces/{namespace}/{plural}", body)


def test_what_another_controller_has_is_found_with_the_rights_of_the_chart(
    plane: ControlPlane, namespace: str, service: Service, tmp_path: Path, group: str
) -> None:
    create_object(plane, namespace, group)
    create_target(plane, namespace, service)
    overload(service)
    with installed(plane, rendered(f"watchNamespaces={{{namespace}}}"), tmp_path) as account:
        log = tmp_path / "operator.log"
        with running_operator(account, log, f"--prometheus-url={service.url}", f"--namespace={namespace}"):
            create_tuning(plane, namespace, mode="Auto")
            eventually(lambda: condition_of(plane, namespace, "NoConflict") != ("", ""), "it was looked")
            conditions = {each["type"]: each for each in status_of(plane, namespace)["conditions"]}
            said = conditions["NoConflict"]
            assert f"is owned by {KINDS[group][0]} theirs" in said["message"]
            if group == "autoscaling.k8s.io":
                eventually(lambda: replicas_of(plane, namespace) == 2, "it is in nobody's way")
            else:
                assert said["status"] == "False"
                assert replicas_of(plane, namespace) == 1
    assert "orbidden" not in log.read_text()


def test_an_autoscaler_that_may_not_be_written_to_is_said(
    plane: ControlPlane, namespace: str, service: Service, tmp_path: Path
) -> None:
    hpas = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    spec = {"scaleTargetRef": TARGET, "maxReplicas": 8}
    plane.call("POST", hpas, {"metadata": {"name": "checkout"}, "spec": spec})
    create_target(plane, namespace, service)
    overload(service)
    with installed(plane, rendered(f"watchNamespaces={{{namespace}}}"), tmp_path) as account:
        options = (f"--prometheus-url={service.url}", f"--namespace={namespace}")
        with running_operator(account, tmp_path / "operator.log", *options):
            create_tuning(
                plane, namespace, mode="Auto", replicas={"min": 1, "max": 8, "via": "HorizontalPodAutoscaler"}
            )
            eventually(lambda: condition_of(plane, namespace, "Ready") == ("False", "WriteFailed"), "it is said")
            conditions = {each["type"]: each for each in status_of(plane, namespace)["conditions"]}
            assert 'cannot patch resource "horizontalpodautoscalers"' in conditions["Ready"]["message"]
    assert plane.call("GET", f"{hpas}/checkout")["spec"]["minReplicas"] == 1
