"""What on a cluster is the demonstration's. It runs on clusters that others use, and touches nothing of theirs."""

import json
from typing import Any

from dev.demo.kubectl import Kubectl

NAMESPACE = "fastapi-tuning-demo"
PROMETHEUS_NAMESPACE = "fastapi-tuning-demo-monitoring"
RELEASE_NAMESPACE = "fastapi-tuning-demo-system"
RELEASE = "fastapi-tuning-operator-demo"
LABEL = "fastapituning.io/demonstration"
"""On all that is ours and is not inside a namespace of ours: on the namespaces themselves, to begin with."""
TUNINGS = "fastapitunings.fastapituning.io"
"""The CRD, and what kubectl calls its objects."""

Json = dict[str, Any]


class NotOurs(Exception):
    """Somebody else has what the demonstration would have to change; the message says what, and what to do."""


def refuse_what_others_have(kubectl: Kubectl) -> None:
    """Look before anything is changed.

    Raises:
        NotOurs: a namespace of our name without our label, the CRD of another release, or another operator, which would
            act on our objects as well.
        KubectlFailed: the cluster does not answer.
    """
    for name in (NAMESPACE, PROMETHEUS_NAMESPACE, RELEASE_NAMESPACE):
        _own_namespace(kubectl, name)
    _refuse_the_crd_of_others(kubectl)
    _refuse_other_operators(kubectl)


def refuse_tunings_of_others(kubectl: Kubectl) -> None:
    """For an operator that watches all namespaces.

    Raises:
        NotOurs: there is a FastAPITuning outside the namespaces with our label.
    """
    if kubectl.find("customresourcedefinition", TUNINGS) is None:
        return
    labelled = kubectl.get("namespaces", f"--selector={LABEL}")["items"]
    ours = {namespace["metadata"]["name"] for namespace in labelled}
    found = [tuning["metadata"] for tuning in kubectl.get(TUNINGS, "--all-namespaces")["items"]]
    if others := sorted(f"{each['namespace']}/{each['name']}" for each in found if each["namespace"] not in ours):
        raise NotOurs(
            "the operator under test watches all namespaces, and would act on FastAPITunings that are not of the "
            f"tests: {', '.join(others)}. Use a cluster without any, or delete them"
        )


def ensure_namespace(kubectl: Kubectl, name: str) -> None:
    """Make the namespace if there is none, with our label.

    Raises:
        NotOurs: there is one without it.
    """
    if not _own_namespace(kubectl, name):
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LABEL: "true"}}}
        kubectl.run("create", "--filename=-", manifest=json.dumps(manifest))


def renew_namespace(kubectl: Kubectl, name: str) -> None:
    """An empty namespace: what an earlier run left in it goes.

    Raises:
        NotOurs: there is one without our label; nothing of it goes.
    """
    if _own_namespace(kubectl, name):
        kubectl.run("delete", "namespace", name, "--wait", "--timeout=100s")
    ensure_namespace(kubectl, name)


def _own_namespace(kubectl: Kubectl, name: str) -> bool:
    """Whether there is one, and it is ours. Raises NotOurs if it is not."""
    found = kubectl.find("namespace", name)
    if found is not None and LABEL not in found["metadata"].get("labels", {}):
        raise NotOurs(
            f"there is a namespace {name} without the label {LABEL}, so it was not made here and is left alone. "
            f"If it may be used, and deleted: kubectl label namespace {name} {LABEL}=true"
        )
    return found is not None


def _refuse_the_crd_of_others(kubectl: Kubectl) -> None:
    found = kubectl.find("customresourcedefinition", TUNINGS)
    if found is None:
        return
    annotations = found["metadata"].get("annotations", {})
    owner = (annotations.get("meta.helm.sh/release-namespace"), annotations.get("meta.helm.sh/release-name"))
    if owner != (RELEASE_NAMESPACE, RELEASE):
        whose = f"of the Helm release {owner[1]} in {owner[0]}" if all(owner) else "of somebody else"
        raise NotOurs(
            f"the CRD {TUNINGS} is there, {whose}, and would be replaced for everybody who uses it. Use a cluster "
            f"without it, or delete it together with all FastAPITunings: kubectl delete crd {TUNINGS}"
        )


def _refuse_other_operators(kubectl: Kubectl) -> None:
    selector = "--selector=app.kubernetes.io/name=fastapi-tuning-operator"
    found = [each["metadata"] for each in kubectl.get("deployments", "--all-namespaces", selector)["items"]]
    if others := [f"{each['namespace']}/{each['name']}" for each in found if each["namespace"] != RELEASE_NAMESPACE]:
        raise NotOurs(f"another operator would act on the same objects: {', '.join(others)}. Use a cluster without it")
