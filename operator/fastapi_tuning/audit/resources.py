"""CPU and memory of the container. Pure."""

from fastapi_tuning.audit.facts import Facts, Pod, Unread
from fastapi_tuning.audit.finding import Violation
from fastapi_tuning.audit.fix import container_fix

_NOTICEABLE_THROTTLING = 0.05
_ONE_CORE = 1.0
_HOUR_SECONDS = 3600
_MEBIBYTE = 2**20


def no_requests(facts: Facts) -> Violation | None:
    """The scheduler puts the pod on a node that has no room for it, and it gets what is left."""
    resources = facts.resources
    missing = {
        name: value
        for name, value, found in (
            ("cpu", "250m", resources.cpu_request_cores),
            ("memory", "256Mi", resources.memory_request_bytes),
        )
        if found is None
    }
    if not missing:
        return None
    return Violation(
        evidence=f"no resources.requests for {' and '.join(missing)}",
        fix="# start from what the pods use\n" + container_fix(facts, resources={"requests": missing}),
    )


def cpu_limit_below_a_core(facts: Facts) -> Violation | None:
    """One worker computes on one core at most; with less it stands still for the rest of each 100 ms."""
    limit = facts.resources.cpu_limit_cores
    if limit is None or limit >= _ONE_CORE:
        return None
    return Violation(
        evidence=f"limits.cpu is {limit:g} cores: after {limit * 100:.0f} ms of CPU the pod stands still until 100 ms "
        "are over, the event loop with it",
        fix="# no limit, and a request that is true; or a whole core\n"
        + container_fix(facts, resources={"requests": {"cpu": f"{limit * 1000:.0f}m"}, "limits": {"cpu": None}}),
    )


def throttled(facts: Facts) -> Violation | Unread | None:
    """Seen by the kernel."""
    if facts.resources.cpu_limit_cores is None:
        return None
    ratio = facts.seen.throttled_ratio
    if isinstance(ratio, Unread):
        return ratio
    if ratio <= _NOTICEABLE_THROTTLING:
        return None
    return Violation(
        evidence=f"throttled in {ratio:.0%} of the scheduler's periods of the last hour, "
        f"at limits.cpu {facts.resources.cpu_limit_cores:g}",
        fix=container_fix(facts, resources={"limits": {"cpu": None}}),
    )


def no_memory_limit(facts: Facts) -> Violation | None:
    """A leak takes the node with it, and the operator cannot tell how many threads there is room for."""
    if facts.resources.memory_limit_bytes is not None:
        return None
    requested = facts.resources.memory_request_bytes
    amount = "512Mi" if requested is None else f"{2 * requested / _MEBIBYTE:.0f}Mi"
    return Violation(
        evidence="no resources.limits for memory",
        fix=container_fix(facts, resources={"limits": {"memory": amount}}),
    )


def out_of_memory(facts: Facts) -> Violation | Unread | None:
    """The kernel ended a container at its memory limit."""
    if isinstance(facts.pods, Unread):
        return facts.pods
    killed = [pod for pod in facts.pods if pod.last_end is not None and pod.last_end.reason == "OOMKilled"]
    if not killed:
        return None
    limit = facts.resources.memory_limit_bytes
    amount = "512Mi" if limit is None else f"{1.5 * limit / _MEBIBYTE:.0f}Mi"
    return Violation(
        evidence=f"{len(killed)} of {len(facts.pods)} pods were ended as OOMKilled: {_names(killed)}",
        fix=container_fix(facts, resources={"requests": {"memory": amount}, "limits": {"memory": amount}}),
    )


def restarted_lately(facts: Facts) -> Violation | Unread | None:
    """A process that ends by itself, or that a liveness probe ended (exit code 137 or 143)."""
    if isinstance(facts.pods, Unread):
        return facts.pods
    lately = [pod for pod in facts.pods if _ended_within_the_hour(pod, facts)]
    if not lately:
        return None
    told = "; ".join(
        f"{pod.name} restarted {pod.restarts} ×, the last time by {pod.last_end.reason}, code {pod.last_end.exit_code}"
        for pod in lately[:3]
        if pod.last_end is not None
    )
    return Violation(
        evidence=f"within the last hour: {told}",
        fix=f"kubectl -n {facts.namespace} logs {lately[0].name} -c {facts.container} --previous",
    )


def _ended_within_the_hour(pod: Pod, facts: Facts) -> bool:
    """OOMKilled is told apart."""
    end = pod.last_end
    if end is None or end.time is None or end.reason == "OOMKilled":
        return False
    return (facts.time - end.time).total_seconds() <= _HOUR_SECONDS


def _names(pods: list[Pod]) -> str:
    more = f" and {len(pods) - 3} more" if len(pods) > 3 else ""
    return ", ".join(pod.name for pod in pods[:3]) + more
