"""One cluster with Prometheus and the operator for all end-to-end tests, one namespace for each.

KUBECONTEXT and IMAGE_REGISTRY choose another cluster than the development cluster, as in the demonstration.
"""

import os
import uuid
from collections.abc import Iterator

import pytest

from dev.demo.installation import install_operator, install_prometheus
from dev.demo.kubectl import Kubectl
from tests.e2e.service import Service


@pytest.fixture(scope="session")
def registry() -> str:
    return os.environ.get("IMAGE_REGISTRY", "localhost")


@pytest.fixture(scope="session")
def kubectl(registry: str) -> Kubectl:
    found = Kubectl(context=os.environ.get("KUBECONTEXT", ""))
    install_prometheus(found, registry)
    install_operator(found, registry)
    return found


@pytest.fixture
def service(kubectl: Kubectl, registry: str) -> Iterator[Service]:
    namespace = f"e2e-{uuid.uuid4().hex[:8]}"
    kubectl.run("create", "namespace", namespace)
    yield Service(kubectl=kubectl, namespace=namespace, registry=registry)
    kubectl.run("delete", "namespace", namespace, "--wait=false")
