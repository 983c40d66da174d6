"""The rights and policies of the chart on the API server, and the operator's account as its pod would use it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import eventually
from tests.integration.control_plane import ControlPlane, Refused

Json = dict[str, Any]
SYSTEM, ACCOUNT = "fastapi-tuning-system", "fastapi-tuning-operator"
JSON_PATCH = "application/json-patch+json"
LEASE = f"{ACCOUNT}-leader"
_RBAC, _ADMISSION = "/apis/rbac.authorization.k8s.io/v1", "/apis/admissionregistration.k8s.io/v1"
COLLECTIONS = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "Lease": "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases",
    "Secret": "/api/v1/namespaces/{namespace}/secrets",
    "Role": f"{_RBAC}/namespaces/{{namespace}}/roles",
    "RoleBinding": f"{_RBAC}/namespaces/{{namespace}}/rolebindings",
    "ClusterRole": f"{_RBAC}/clusterroles",
    "ClusterRoleBinding": f"{_RBAC}/clusterrolebindings",
    "ValidatingAdmissionPolicy": f"{_ADMISSION}/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": f"{_ADMISSION}/validatingadmissionpolicybindings",
    "MutatingWebhookConfiguration": f"{_ADMISSION}/mutatingwebhookconfigurations",
}
"""What of the chart an API server without nodes can use."""


@contextmanager
def installed(plane: ControlPlane, manifests: list[Json], directory: Path) -> Iterator[ControlPlane]:
    """Create them, and give the API server for the operator's account once they are in force; then delete them.

    The namespace stays: without controllers none is ever deleted.
    """
    with suppress(Refused):
        plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": SYSTEM}})
    made = [_created(plane, each) for each in manifests if each["kind"] in COLLECTIONS]
    try:
        account = plane.as_account(SYSTEM, ACCOUNT, directory)
        _await_policies(plane, account)
        yield account
    finally:
        for path in reversed(made):
            plane.call("DELETE", path)


def assert_refused_to_the_operator(
    plane: ControlPlane, account: ControlPlane, path: str, change: Json, told: str
) -> None:
    """An administrator could make that change (one operation of JSON Patch), and the operator's account may not."""
    plane.call("PATCH", f"{path}?dryRun=All", [change], JSON_PATCH)

    with pytest.raises(Refused, match=told) as refusal:
        account.call("PATCH", path, [change], JSON_PATCH)

    assert refusal.value.status == 422


def _created(plane: ControlPlane, manifest: Json) -> str:
    collection = COLLECTIONS[manifest["kind"]].format(namespace=manifest["metadata"].get("namespace"))
    plane.call("POST", collection, manifest)
    return f"{collection}/{manifest['metadata']['name']}"


def _await_policies(plane: ControlPlane, account: ControlPlane) -> None:
    """Until the account may not do what a cluster administrator may: policies reach the API server a moment later."""
    pods = "/api/v1/namespaces/default/pods"
    spec = {"containers": [{"name": "probe", "image": "none"}]}
    plane.call("POST", pods, {"metadata": {"name": "probe"}, "spec": spec})

    def in_force() -> bool:
        try:
            body = {"metadata": {"labels": {"probe": "1"}}}
            account.call("PATCH", f"{pods}/probe?dryRun=All", body, "application/merge-patch+json")
        except Refused:
            return True
        return False

    eventually(in_force, "the policies are in force")
    plane.call("DELETE", f"{pods}/probe", {"gracePeriodSeconds": 0})
