"""One cluster with Prometheus and the operator for all end-to-end tests, one namespace for each.

KUBECONTEXT, IMAGE_REGISTRY and PROMETHEUS_IMAGE choose another cluster and its images, as in the demonstration. The
operator watches all namespaces, since each test has its own; so the tests refuse a cluster where others have
FastAPITunings, besides all that the demonstration refuses.
"""

import os
from collections.abc import Iterator

import pytest

from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.ownership import NotOurs, refuse_tunings_of_others, refuse_what_others_have
from dev.demo.prometheus import install_prometheus
from dev.demo.release import install_operator
from dev.demo.service import Service, temporary_service

REGISTRY = os.environ.get("IMAGE_REGISTRY") or "localhost"
KUBECTL = Kubectl(context=os.environ.get("KUBECONTEXT", ""))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Install once; the processes that share the tests find all there."""
    if hasattr(session.config, "workerinput"):
        return
    try:
        refuse_what_others_have(KUBECTL)
        refuse_tunings_of_others(KUBECTL)
        install_prometheus(KUBECTL, REGISTRY)
        install_operator(KUBECTL, REGISTRY, watch_namespaces=())
    except (NotOurs, KubectlFailed) as error:
        pytest.exit(f"✗ {error}", returncode=1)


@pytest.fixture(scope="session")
def registry() -> str:
    return REGISTRY


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    return KUBECTL


@pytest.fixture
def service(kubectl: Kubectl, registry: str) -> Iterator[Service]:
    with temporary_service(kubectl, registry) as made:
        yield made
