"""Kinds of other projects on the API server: the real definitions say more of their fields than the operator reads."""

from typing import Any

from tests.integration.conftest import eventually
from tests.integration.control_plane import ControlPlane, Refused

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Json = dict[str, Any]


def serve(plane: ControlPlane, group: str, kind: str, plural: str, version: str) -> None:
    """Define the kind, unless it is, and wait until its objects can be listed."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved, a test"}},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}},
            ],
        },
    }
    if not _is_served(plane, f"{_DEFINITIONS}/{plural}.{group}"):
        plane.call("POST", _DEFINITIONS, definition)
    eventually(lambda: _is_served(plane, f"/apis/{group}/{version}/{plural}"), f"{plural} are served")


def _is_served(plane: ControlPlane, path: str) -> bool:
    try:
        plane.call("GET", path)
    except Refused:
        return False
    return True
