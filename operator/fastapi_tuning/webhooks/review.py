"""AdmissionReview (admission.k8s.io/v1) in and out, and whose pod it is. Pure."""

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi_tuning.api.spec import Mode
from fastapi_tuning.api.tuning import FastAPITuning
from fastapi_tuning.api_server import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class PodReview:
    """The API server's question about one pod that is being created."""

    uid: str
    namespace: str
    pod: Json
    dry_run: bool


def review_of(body: Any) -> PodReview:
    """Read a question.

    Raises:
        KeyError, TypeError: it is none about a pod.
    """
    request = body["request"]
    return PodReview(
        uid=request["uid"],
        namespace=request["namespace"],
        pod=request["object"],
        dry_run=bool(request.get("dryRun", False)),
    )


def answer(uid: str, patch: Sequence[Json] = ()) -> Json:
    """Always a yes; with a patch if there is something to change."""
    response: Json = {"uid": uid, "allowed": True}
    if patch:
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def deployment_of(pod: Json) -> str | None:
    """Name of the Deployment behind a pod, without asking: its ReplicaSet is called NAME-HASH, and a label has HASH."""
    metadata = pod["metadata"]
    template_hash = (metadata.get("labels") or {}).get("pod-template-hash")
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller") and owner["kind"] == "ReplicaSet" and owner["apiVersion"].startswith("apps/"):
            name: str = owner["name"]
            suffix = f"-{template_hash}"
            return name.removesuffix(suffix) if template_hash and name.endswith(suffix) else None
    return None


def eldest(tunings: Iterable[FastAPITuning]) -> FastAPITuning | None:
    """Of the objects on one target that are not off the oldest acts, as in a cycle."""
    active = [tuning for tuning in tunings if tuning.spec.mode is not Mode.OFF]
    return min(active, key=lambda each: (each.creation_time, each.name), default=None)
