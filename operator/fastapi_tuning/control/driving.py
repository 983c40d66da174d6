"""From a wish for pods to the bounds of the autoscaler that makes them (spec.replicas.via). Pure.

What adds pods or takes them is judged like any move of replicas. What moves none (the minimum rises to pods that are
there and needed, the maximum follows what is allowed) needs permission, and no evidence.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.control.autoscaler import Autoscaler
from fastapi_tuning.control.growth import cap_told
from fastapi_tuning.control.guards.chains import TAKES_BACK
from fastapi_tuning.control.guards.verdict import Verdict
from fastapi_tuning.control.knobs import Knob, Proposal, within

Judge = Callable[[Proposal], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """An autoscaler, and what there is beside the wish."""

    autoscaler: Autoscaler
    pods: int
    """Replicas that the target has now by its spec."""
    users_ceiling: int
    """The most that the autoscaler's user allows it."""
    growth_cap: int | None
    """More than these brought no more served requests; None: nothing of that kind is known."""
    counts_connections: bool
    """Whether pods take connections of a database that others share."""


def bounds_judged(wish: Proposal, driven: Driven, spec: FastAPITuningSpec, judge: Judge) -> tuple[Verdict, ...]:
    """Verdicts on the least pods, and on the most."""
    floor = _floor(wish, driven, within(spec, Knob.REPLICAS, wish.wanted), judge)
    least = driven.autoscaler.floor if floor.value is None else floor.value
    return floor, _ceiling(wish, driven, spec, least, judge)


def _floor(wish: Proposal, driven: Driven, need: int, judge: Judge) -> Verdict:
    """The least is what is needed: more than there is as a step up, less than it was as a step down."""
    least, pods = driven.autoscaler.floor, driven.pods
    if need < least:
        return judge(replace(wish, current=least))
    if need <= max(least, pods):
        return judge(_secured(wish, driven, wish.wanted))
    raised = judge(replace(wish, current=max(least, pods)))
    if raised.value is not None or pods <= least:
        return raised
    kept = judge(_secured(wish, driven, pods))
    if kept.value is None:
        return raised
    return replace(kept, wished=raised.wished, guards=(*raised.guards, *kept.guards))


def _secured(wish: Proposal, driven: Driven, wanted: int) -> Proposal:
    """Pods that are there are kept: the autoscaler made them, and may not take what is needed."""
    autoscaler = driven.autoscaler
    return replace(
        wish,
        current=autoscaler.floor,
        wanted=wanted,
        reason=Reason.BOUND_OF_AUTOSCALER,
        message=f"{autoscaler.told} has {driven.pods} pods; {wish.message}",
    )


def _ceiling(wish: Proposal, driven: Driven, spec: FastAPITuningSpec, least: int, judge: Judge) -> Verdict:
    """The most is what its user allows or we need, less what is capped; pods above a cap go in steps."""
    autoscaler = driven.autoscaler
    cap, reason, message = min(_caps(wish, driven, spec))
    allowed = max(least, driven.users_ceiling)
    stands = max(least, min(driven.pods, allowed, autoscaler.ceiling))
    capped = max(least, cap)
    if capped < stands:
        taken = judge(Proposal(knob=Knob.CEILING, current=stands, wanted=capped, reason=reason, message=message))
        if taken.value is not None:
            return taken
    most = max(stands, min(allowed, capped))
    if most == allowed:
        message = f"what {autoscaler.told} was allowed" if most > least else "no less than the minimum"
    if driven.counts_connections and most > stands:
        most, message = stands, "pods that it adds by itself would take connections that nobody counted"
    return judge(
        Proposal(
            knob=Knob.CEILING,
            current=autoscaler.ceiling,
            wanted=most,
            reason=Reason.BOUND_OF_AUTOSCALER,
            message=message,
        )
    )


def _caps(wish: Proposal, driven: Driven, spec: FastAPITuningSpec) -> Iterable[tuple[int, Reason, str]]:
    yield spec.replicas.max, Reason.AT_MAXIMUM, f"replicas.max is {spec.replicas.max}"
    if driven.growth_cap is not None:
        yield driven.growth_cap, Reason.DOWNSTREAM_LIMITS, cap_told(driven.growth_cap)
    if wish.reason in TAKES_BACK:
        yield wish.wanted, wish.reason, wish.message
