"""Helm on the control plane of the tests, and the whole of what is there before and after."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.integration.conftest import eventually
from tests.integration.control_plane import ControlPlane
from tests.integration.installed_chart import ACCOUNT, SYSTEM

_TRANSIENT = frozenset(("events", "endpoints", "endpointslices", "componentstatuses"))
"""What comes and goes by itself."""


def helm(plane: ControlPlane, verb: str, *arguments: str) -> str:
    """Standard output of helm for the one release."""
    program = shutil.which(os.environ.get("HELM", "helm"))
    assert program is not None, "helm is missing: set HELM to its path, or put it on PATH"
    command = [program, verb, ACCOUNT, *arguments, f"--namespace={SYSTEM}", f"--kubeconfig={plane.kubeconfig}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def chart_of(commit: str, repository: Path, directory: Path) -> Path | None:
    """The chart as it was; None where the history does not go back to it."""
    path = "charts/fastapi-tuning-operator"
    archive = directory / f"{commit}.tar"
    command = ["git", "-C", str(repository), "archive", f"--output={archive}", commit, path, "crds/examples"]
    if subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0:
        return None
    shutil.unpack_archive(archive, directory / commit, filter="data")
    return directory / commit


def inventory(plane: ControlPlane) -> set[str]:
    """Every object that the API server has, as `group/version/resource namespace/name`."""
    groups = plane.call("GET", "/apis")["groups"]
    roots = ["/api/v1", *(f"/apis/{each['preferredVersion']['groupVersion']}" for each in groups)]
    return {found for root in roots for found in _objects_under(plane, root)}


def settled_inventory(plane: ControlPlane) -> set[str]:
    """Once the API server has made all that it makes for itself."""
    seen = [inventory(plane)]

    def settled() -> bool:
        seen.append(inventory(plane))
        return seen[-1] == seen[-2]

    eventually(settled, "the API server makes nothing more for itself")
    return seen[-1]


def _objects_under(plane: ControlPlane, root: str) -> set[str]:
    found = set()
    for resource in plane.call("GET", root)["resources"]:
        name = resource["name"]
        if "list" not in resource["verbs"] or name in _TRANSIENT:
            continue
        for each in plane.call("GET", f"{root}/{name}").get("items") or ():
            metadata = each["metadata"]
            if metadata.get("namespace") not in ("kube-system", "kube-public", "kube-node-lease"):
                found.add(f"{root}/{name} {metadata.get('namespace', '')}/{metadata['name']}")
    return found
