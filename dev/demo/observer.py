"""Reads one moment of the demonstration: the load generator's own numbers, the Deployment and the FastAPITuning."""

from typing import Any

from dev.demo.kubectl import Kubectl
from dev.demo.ownership import TUNINGS
from dev.demo.prometheus import instant_value
from dev.demo.timeline import Moment
from fastapi_tuning.api.status import Decision

_WINDOW = "15s"


def observe(kubectl: Kubectl, namespace: str, name: str, *, seconds: float, threshold_seconds: float) -> Moment:
    """One moment; latency is the client's, counted from the scheduled send, and so hides nothing."""
    tuning = kubectl.get("--namespace", namespace, TUNINGS, name)
    deployment = kubectl.get("--namespace", namespace, "deployments", name)
    status = tuning.get("status", {})

    def rate(counter: str, matchers: str = "") -> str:
        return f'rate({counter}{{namespace="{namespace}",{matchers}}}[{_WINDOW}])'

    duration = rate("loadgen_request_duration_seconds_bucket")
    fast = rate("loadgen_request_duration_seconds_bucket", f'le="{threshold_seconds:g}"')
    done = rate("loadgen_requests_total")
    failed = rate("loadgen_requests_total", 'outcome!="ok"')
    return Moment(
        seconds=seconds,
        offered_per_second=instant_value(kubectl, f"sum({rate('loadgen_offered_requests_total')})"),
        latency_p99_seconds=instant_value(kubectl, f"histogram_quantile(0.99, sum by (le) ({duration}))"),
        fast_ratio=instant_value(kubectl, f"sum({fast}) / sum({done})"),
        error_ratio=instant_value(kubectl, f"sum({failed}) / sum({done})"),
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
