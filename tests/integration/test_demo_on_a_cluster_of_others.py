"""The caution of the demonstration and of the chart, on a real API server, which knows who owns what."""

import json
import uuid

import pytest

from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.ownership import (
    RELEASE,
    RELEASE_NAMESPACE,
    NotOurs,
    ensure_namespace,
    refuse_tunings_of_others,
    refuse_what_others_have,
    renew_namespace,
)
from dev.demo.release import CHART, helm
from dev.demo.sample_service import NAME, sample_manifest
from tests.integration.control_plane import ControlPlane

INSTALLATION = ("install", RELEASE, str(CHART), "--dry-run=server", "--set=prometheus.url=http://prometheus:9090")


@pytest.fixture
def kubectl(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    """The cluster has the CRD, applied by hand."""
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
    return Kubectl()


def test_a_namespace_that_was_made_is_found_again_and_one_of_others_is_refused(
    kubectl: Kubectl, namespace: str
) -> None:
    name = f"demo-{uuid.uuid4().hex[:8]}"
    ensure_namespace(kubectl, name)
    ensure_namespace(kubectl, name)

    for touch in (ensure_namespace, renew_namespace):
        with pytest.raises(NotOurs, match=namespace):
            touch(kubectl, namespace)


def test_the_crd_of_somebody_else_is_refused(kubectl: Kubectl) -> None:
    with pytest.raises(NotOurs, match="somebody else"):
        refuse_what_others_have(kubectl)


def test_a_tuning_of_somebody_else_is_refused_by_name(kubectl: Kubectl, namespace: str) -> None:
    kubectl.apply(json.dumps(sample_manifest("tuning", namespace=namespace, registry="localhost")))

    with pytest.raises(NotOurs, match=f"{namespace}/{NAME}"):
        refuse_tunings_of_others(kubectl)


def test_the_chart_says_that_the_crd_is_taken_and_how_to_go_on(kubectl: Kubectl) -> None:
    ensure_namespace(kubectl, RELEASE_NAMESPACE)

    with pytest.raises(KubectlFailed, match=r"belongs to no release.*crds\.install=false"):
        helm(kubectl, *INSTALLATION)

    assert "kind: Deployment" in helm(kubectl, *INSTALLATION, "--set=crds.install=false")
