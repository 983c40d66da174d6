"""How many pods: feed-forward from the offered load, a fast trim from the objective, and the panic rule."""

import math

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.control.burn import may_scale_down
from fastapi_tuning.control.demand import pods_for
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import Workload

_LARGEST_TRIM = 1.0
_LARGEST_TRIM_STEP = 0.25
_LEAST_TRIM_STEP = 0.05
_TRIM_GAIN = 0.1
_TRIM_DECAY_PER_SECOND = 0.02 / 60
_PANIC_LOAD = 1.5
"""Offered over what all ready pods safely carry."""
_MOST_PODS = 10_000
"""The largest maximum that a spec can name; a capacity next to nothing must not ask for infinitely many."""
_ROUNDING = 1e-9
"""Keeps rounding noise from costing a pod."""


def feed_forward(estimate: Estimate, per_second: float | None = None) -> int | None:
    """Pods that carry the expected load, the busiest of them included; None while a pod's capacity is unknown.

    Args:
        per_second: load to carry instead of the expected one.
    """
    safe = estimate.capacity.safe_per_second
    if safe is None:
        return None
    load = estimate.expected_per_second if per_second is None else per_second
    return max(1, math.ceil(min(_MOST_PODS, pods_for(load / safe, estimate.unevenness)) - _ROUNDING))


def carrying(estimate: Estimate) -> int | None:
    """Pods whose threads and CPU carry what is served now, doubts about them apart; None while that is unknown."""
    return feed_forward(estimate, estimate.served_per_second * estimate.capacity.correction)


def trimmed(pods: int, trim: float) -> int:
    """Pods with the trim on top."""
    return max(1, math.ceil(pods * (1 + trim) - _ROUNDING))


def feedback(
    previous: float,
    estimate: Estimate,
    spec: FastAPITuningSpec,
    *,
    ready: int,
    gain: float,
    elapsed_seconds: float,
) -> float:
    """The trim u on the feed-forward replicas, in [0, 1].

    Rises by 0.1 ln(bad / allowed), within 0.05 and 0.25, when the objective is missed though the pods that the
    feed-forward and the trim ask for are there already (else they explain the miss, and the trim must not wind up).
    Falls by 0.02 a minute when the budget hardly burns.
    """
    if estimate.verdict is Verdict.MISSED and not explains_miss(estimate, previous, ready):
        excess = max(estimate.bad_ratio / (1 - spec.objectives.latency.target_ratio), 1.0)
        step = min(_LARGEST_TRIM_STEP, max(_LEAST_TRIM_STEP, _TRIM_GAIN * math.log(excess)))
        return min(_LARGEST_TRIM, previous + gain * step)
    if estimate.verdict is Verdict.MET and may_scale_down(estimate.budget, spec.objectives):
        return max(0.0, previous - _TRIM_DECAY_PER_SECOND * elapsed_seconds)
    return previous


def explains_miss(estimate: Estimate, trim: float, ready: int) -> bool:
    """Whether the miss follows from what is known: pods that are asked for are missing, or one carries too much.

    After a step up keep-alive connections stay with the old pods for a while; more pods do not move them.
    """
    safe = estimate.capacity.safe_per_second
    if safe is None:
        return False
    asked = trimmed(feed_forward(estimate, estimate.offered_per_second) or 0, trim)
    return asked > ready or estimate.busiest_per_second > safe


def panics(estimate: Estimate, ready: int) -> bool:
    """Whether half as much again is offered as the ready pods safely carry, or requests are refused."""
    safe = estimate.capacity.safe_per_second
    return estimate.shedding or (safe is not None and estimate.offered_per_second > _PANIC_LOAD * max(1, ready) * safe)


def propose_idle_replicas(spec: FastAPITuningSpec, workload: Workload) -> Proposal:
    """No traffic: the least that the spec allows."""
    return Proposal(
        knob=Knob.REPLICAS,
        current=workload.desired_replicas,
        wanted=spec.replicas.min,
        reason=Reason.DEMAND_FELL if workload.desired_replicas > spec.replicas.min else Reason.ALREADY_OPTIMAL,
        message="no requests",
    )


def propose_replicas(estimate: Estimate, workload: Workload, trim: float, *, panic: bool) -> Proposal:
    """Feed-forward plus trim; without a known capacity only an objective missed moves anything, and only up."""
    current = workload.desired_replicas
    needed = feed_forward(estimate)
    if needed is None:
        return _without_capacity(estimate, current)
    wanted = trimmed(needed, trim)
    safe = estimate.capacity.safe_per_second or 0.0
    return Proposal(
        knob=Knob.REPLICAS,
        current=current,
        wanted=wanted,
        reason=_reason(estimate, current, wanted, panic=panic),
        message=(
            f"{estimate.offered_per_second:.1f} requests/s offered, {estimate.expected_per_second:.1f} expected, "
            f"a pod carries {safe:.1f} ({estimate.capacity.binding}), "
            f"busiest pod {estimate.imbalance(wanted):.2f} × mean, trim {trim:+.2f}"
        ),
    )


def _reason(estimate: Estimate, current: int, wanted: int, *, panic: bool) -> Reason:
    if wanted < current:
        return Reason.DEMAND_FELL
    if wanted == current:
        return Reason.ALREADY_OPTIMAL
    if panic:
        return Reason.PANIC
    return Reason.OBJECTIVE_MISSED if estimate.verdict is Verdict.MISSED else Reason.DEMAND_ROSE


def _without_capacity(estimate: Estimate, current: int) -> Proposal:
    if estimate.verdict is Verdict.MISSED:
        return Proposal(
            knob=Knob.REPLICAS,
            current=current,
            wanted=current + max(1, current // 4),
            reason=Reason.OBJECTIVE_MISSED,
            message=f"{estimate.bad_ratio:.1%} of requests late; a pod's capacity is not known yet",
        )
    return Proposal(
        knob=Knob.REPLICAS,
        current=current,
        wanted=current,
        reason=Reason.CAPACITY_UNKNOWN,
        message="neither CPU nor thread pool of the pods is exported",
    )
