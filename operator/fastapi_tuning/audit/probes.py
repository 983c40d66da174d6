"""Probes of the kubelet: that they are there, that they differ, and that load alone does not fail them. Pure."""

import math
import re
from typing import Any

from fastapi_tuning.audit.facts import Facts, Probe, Unread
from fastapi_tuning.audit.finding import Violation
from fastapi_tuning.audit.fix import container_fix

_SHORT_TIMEOUT_SECONDS = 1
"""Kubernetes' default. 40 threads that compute delay `/healthz` by up to 325 ms, 200 threads by 952 ms (measured)."""
_GOOD_TIMEOUT_SECONDS = 5
_STARTUP_PATIENCE_SECONDS = 30
_SLOW_SHARE = 0.2
"""Of the probe's timeout, at the mean: the slowest of an hour take many times as long."""
_DEPENDENCY_WORDS = frozenset(("ready", "readyz", "readiness", "deep", "db", "database", "dependencies"))


def no_readiness(facts: Facts) -> Violation | None:
    """A pod gets requests from the moment its process runs, before the app listens, and while it drains."""
    if facts.probes.readiness is not None:
        return None
    return Violation(
        evidence=f"container {facts.container} has no readinessProbe",
        fix=container_fix(facts, readinessProbe=_http(facts, "/readyz", periodSeconds=5, failureThreshold=3)),
    )


def no_liveness(facts: Facts) -> Violation | None:
    """A process that hangs for good stays."""
    if facts.probes.liveness is not None:
        return None
    return Violation(
        evidence=f"container {facts.container} has no livenessProbe",
        fix=container_fix(facts, livenessProbe=_patient_liveness(facts)),
    )


def no_startup(facts: Facts) -> Violation | None:
    """A start that takes longer than usual, on a busy node, ends in a restart, which makes the node busier."""
    liveness = facts.probes.liveness
    if liveness is None or facts.probes.startup is not None:
        return None
    patience = liveness.initial_delay_seconds + liveness.patience_seconds
    if patience >= _STARTUP_PATIENCE_SECONDS:
        return None
    startup = _http(facts, liveness.path or "/healthz", periodSeconds=2, failureThreshold=30)
    return Violation(
        evidence=f"no startupProbe, and the livenessProbe ends a start that takes longer than {patience} s",
        fix=container_fix(facts, startupProbe=startup),
    )


def same_endpoint(facts: Facts) -> Violation | None:
    """What should take a pod out of service restarts it instead; one with more patience may share the endpoint."""
    liveness, readiness = facts.probes.liveness, facts.probes.readiness
    if liveness is None or readiness is None or liveness.handler != readiness.handler:
        return None
    if liveness.endpoint != readiness.endpoint or liveness.patience_seconds > readiness.patience_seconds:
        return None
    return Violation(
        evidence=(
            f"both ask {liveness.endpoint}; liveness gives up after {liveness.patience_seconds} s, readiness after "
            f"{readiness.patience_seconds} s"
        ),
        fix=container_fix(facts, livenessProbe={"failureThreshold": _more_patient(liveness, readiness)}),
    )


def _more_patient(liveness: Probe, readiness: Probe) -> int:
    """Failures after which liveness has waited twice as long as readiness."""
    return math.ceil(2 * readiness.patience_seconds / liveness.period_seconds)


def short_timeout(facts: Facts) -> Violation | None:
    """Under load an answer takes longer than a second; the pods that are left get the load of those that go."""
    asked = {name: probe for name, probe in facts.probes.by_name.items() if name != "startup" and _reaches_app(probe)}
    short = {name: probe for name, probe in asked.items() if probe.timeout_seconds <= _SHORT_TIMEOUT_SECONDS}
    if not short:
        return None
    told = ", ".join(f"{name} {probe.timeout_seconds} s" for name, probe in short.items())
    longer = {f"{name}Probe": {"timeoutSeconds": _GOOD_TIMEOUT_SECONDS} for name in short}
    return Violation(evidence=f"timeoutSeconds: {told}", fix=container_fix(facts, **longer))


def liveness_on_slow_path(facts: Facts) -> Violation | Unread | None:
    """A restart mends no database: liveness asks whether this process answers, and nothing else."""
    liveness, seconds = facts.probes.liveness, facts.seen.liveness_seconds
    if liveness is None or liveness.path is None:
        return None
    mend = container_fix(facts, livenessProbe=_patient_liveness(facts))
    if not _DEPENDENCY_WORDS.isdisjoint(re.split("[^a-z]+", liveness.path.lower())):
        return Violation(evidence=f"liveness asks {liveness.path}, which by its name asks others too", fix=mend)
    if isinstance(seconds, Unread):
        return seconds
    if seconds is None or seconds < _SLOW_SHARE * liveness.timeout_seconds:
        return None
    return Violation(
        evidence=(
            f"{liveness.path} took {seconds * 1000:.0f} ms on average in the last hour; the probe waits "
            f"{liveness.timeout_seconds} s"
        ),
        fix=mend,
    )


def _reaches_app(probe: Probe) -> bool:
    """The kernel answers tcpSocket."""
    return probe.handler != "tcpSocket"


def _http(facts: Facts, path: str, **fields: Any) -> dict[str, Any]:
    port = int(facts.port) if facts.port.isdigit() else facts.port
    return {"httpGet": {"path": path, "port": port}, "timeoutSeconds": _GOOD_TIMEOUT_SECONDS, **fields}


def _patient_liveness(facts: Facts) -> dict[str, Any]:
    return _http(facts, "/healthz", periodSeconds=10, failureThreshold=6)
