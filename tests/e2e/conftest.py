"""One cluster with Prometheus and the operator for all end-to-end tests, one namespace for each.

KUBECONTEXT, IMAGE_REGISTRY and PROMETHEUS_IMAGE choose another cluster and its images, as in the demonstration. The
operator watches all namespaces, since each test has its own; so the tests refuse a cluster where others have
FastAPITunings, besides all that the demonstration refuses.
"""

import os
import uuid
from collections.abc import Iterator

import pytest

from dev.demo.kubectl import Kubectl, KubectlFailed
from dev.demo.ownership import NotOurs, ensure_namespace, refuse_tunings_of_others, refuse_what_others_have
from dev.demo.prometheus import install_prometheus
from dev.demo.release import install_operator
from dev.demo.service import Service


@pytest.fixture(scope="session")
def registry() -> str:
    return os.environ.get("IMAGE_REGISTRY") or "localhost"


@pytest.fixture(scope="session")
def kubectl(registry: str) -> Kubectl:
    found = Kubectl(context=os.environ.get("KUBECONTEXT", ""))
    try:
        refuse_what_others_have(found)
        refuse_tunings_of_others(found)
        install_prometheus(found, registry)
        install_operator(found, registry, watch_namespaces=())
    except (NotOurs, KubectlFailed) as error:
        pytest.exit(f"✗ {error}", returncode=1)
    return found


@pytest.fixture
def service(kubectl: Kubectl, registry: str) -> Iterator[Service]:
    namespace = f"fastapi-tuning-e2e-{uuid.uuid4().hex[:8]}"
    ensure_namespace(kubectl, namespace)
    yield Service(kubectl=kubectl, namespace=namespace, registry=registry)
    kubectl.run("delete", "namespace", namespace, "--wait=false")
