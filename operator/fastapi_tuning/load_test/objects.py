"""What to copy after a load test: a FastAPITuning, and where nobody else moves the pool, a patch. Pure."""

import math
from typing import Any

import yaml

from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.api.tuning import GROUP, KIND, VERSION
from fastapi_tuning.control.knobs import VARIABLES, Knob, mode_of
from fastapi_tuning.load_test.findings import ANYIO_THREADS, Findings
from fastapi_tuning.load_test.report import Recommended

_ROOM = 1.5
"""Most pods over those of the peak: above one and a half times the load that pods carry, the law panics."""
_ROUNDING = 1e-9


def pods_for_peak(findings: Findings, peak_per_second: float | None) -> int | None:
    """Pods that carry the peak at nine tenths of their knee; None without a peak or a knee."""
    if peak_per_second is None or not findings.safe_per_second:
        return None
    return max(1, math.ceil(peak_per_second / findings.safe_per_second - _ROUNDING))


def recommended(
    findings: Findings, spec: FastAPITuningSpec, *, namespace: str, name: str, container: str, pods: int | None
) -> tuple[Recommended, ...]:
    """The objects that follow from the findings.

    Args:
        name: of the FastAPITuning, of the Deployment if there is none.
        pods: those of the peak, if one was named.
    """
    tuning = Recommended(
        what=f"{KIND} {name}",
        use="kubectl apply --server-side -f tuning.yaml",
        manifest=_yaml(_tuning(findings, spec, namespace=namespace, name=name, pods=pods)),
    )
    patch = _deployment_patch(findings, spec, container)
    if patch is None:
        return (tuning,)
    target = spec.target_ref.name
    use = f"kubectl -n {namespace} patch deployment {target} --patch-file patch.yaml, or the same in its manifest"
    return tuning, Recommended(what=f"Deployment {target}", use=use, manifest=_yaml(patch))


def _tuning(
    findings: Findings, spec: FastAPITuningSpec, *, namespace: str, name: str, pods: int | None
) -> dict[str, Any]:
    """The spec as it is, with bounds that the findings fit in."""
    body: dict[str, Any] = spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    body.setdefault("mode", spec.mode.value)
    body.setdefault("objectives", spec.objectives.model_dump(by_alias=True, exclude_none=True, mode="json"))
    if findings.best_threads is not None:
        pool = body.setdefault("threadPool", {})
        pool["min"] = min(spec.thread_pool.min, findings.best_threads)
        pool["max"] = max(spec.thread_pool.max, findings.best_threads)
    if pods is not None:
        replicas = body.setdefault("replicas", {})
        replicas["min"] = min(spec.replicas.min, pods)
        replicas["max"] = max(spec.replicas.max, math.ceil(_ROOM * pods))
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": metadata, "spec": body}


def _deployment_patch(findings: Findings, spec: FastAPITuningSpec, container: str) -> dict[str, Any] | None:
    """The pool's size as a variable, where the operator does not move it: it leaves alone what others set."""
    best = findings.best_threads
    if best is None or best == (findings.threads or ANYIO_THREADS) or mode_of(spec, Knob.THREADS) is Mode.AUTO:
        return None
    variable = {"name": VARIABLES[Knob.THREADS], "value": str(best)}
    return {"spec": {"template": {"spec": {"containers": [{"name": container, "env": [variable]}]}}}}


def _yaml(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110).rstrip()
