"""Reads one moment of the demonstration: the load generator's own numbers, the Deployment and the FastAPITuning."""

from typing import Any

from dev.demo.kubectl import Kubectl
from dev.demo.timeline import Moment
from fastapi_tuning.api.status import Decision

_WINDOW = "15s"
_DONE = f"sum(rate(loadgen_requests_total[{_WINDOW}]))"
_OFFERED = f"sum(rate(loadgen_offered_requests_total[{_WINDOW}]))"
_P99 = f"histogram_quantile(0.99, sum by (le) (rate(loadgen_request_duration_seconds_bucket[{_WINDOW}])))"
_ERRORS = f'sum(rate(loadgen_requests_total{{outcome!="ok"}}[{_WINDOW}])) / {_DONE}'


def observe(kubectl: Kubectl, namespace: str, name: str, *, seconds: float, threshold_seconds: float) -> Moment:
    """One moment; latency is the client's, counted from the scheduled send, and so hides nothing."""
    tuning = kubectl.get("--namespace", namespace, "fastapitunings.fastapituning.io", name)
    deployment = kubectl.get("--namespace", namespace, "deployments", name)
    fast = f'sum(rate(loadgen_request_duration_seconds_bucket{{le="{threshold_seconds:g}"}}[{_WINDOW}])) / {_DONE}'
    status = tuning.get("status", {})
    return Moment(
        seconds=seconds,
        offered_per_second=kubectl.prometheus(_OFFERED),
        latency_p99_seconds=kubectl.prometheus(_P99),
        fast_ratio=kubectl.prometheus(fast),
        error_ratio=kubectl.prometheus(f"({_ERRORS}) or vector(0)"),
        replicas=deployment["spec"]["replicas"],
        ready_replicas=deployment.get("status", {}).get("readyReplicas", 0),
        threads=status.get("current", {}).get("threads"),
        limiting_factor=status.get("limitingFactor", "Unknown"),
        decision=_decision(status.get("lastDecision")),
    )


def _decision(stored: dict[str, Any] | None) -> str:
    if not stored:
        return "none yet"
    decision = Decision.model_validate(stored)
    return f"{decision.step} ({decision.guard or decision.reason}): {decision.message}"
