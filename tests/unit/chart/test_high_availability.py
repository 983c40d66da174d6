"""Two replicas of which one acts, and never a moment without either."""

from tests.unit.chart.conftest import Manifest, Render, only


def deployment_of(manifests: list[Manifest]) -> Manifest:
    return dict(only(manifests, "Deployment")["spec"])


def pod_of(manifests: list[Manifest]) -> Manifest:
    return dict(deployment_of(manifests)["template"]["spec"])


def test_two_run_and_an_upgrade_takes_none_away_before_its_successor_is_ready(render: Render) -> None:
    spec = deployment_of(render())
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def test_they_elect_by_the_lease_that_the_chart_makes(render: Render) -> None:
    manifests = render()
    (container,) = pod_of(manifests)["containers"]
    lease = only(manifests, "Lease")
    arguments = container["args"]
    named = f"{lease['metadata']['namespace']}/{lease['metadata']['name']}"
    assert arguments[arguments.index("--lease") + 1] == named
    assert "spec" not in lease, "an upgrade must not take it from its holder"


def test_one_replica_elects_too_since_an_upgrade_runs_two(render: Render) -> None:
    (container,) = pod_of(render("replicas=1"))["containers"]
    assert "--lease" in container["args"]


def test_a_drain_takes_one_at_a_time_and_is_never_stopped(render: Render) -> None:
    manifests = render()
    budget = only(manifests, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == deployment_of(manifests)["selector"]
    assert "PodDisruptionBudget" not in {each["kind"] for each in render("replicas=1")}


def test_they_are_on_different_nodes_where_there_are_some(render: Render) -> None:
    manifests = render()
    (constraint,) = pod_of(manifests)["topologySpreadConstraints"]
    assert constraint["topologyKey"] == "kubernetes.io/hostname"
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"
    assert constraint["labelSelector"] == deployment_of(manifests)["selector"]
