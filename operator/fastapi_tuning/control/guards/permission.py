"""May anything be done at all? Modes, owners, pauses, bounds."""

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Mode
from fastapi_tuning.control.guards.verdict import Clamp, Context, Hold
from fastapi_tuning.control.knobs import Proposal, bounds_of


def bounds(proposal: Proposal, context: Context) -> Clamp | None:
    """First of all, so that what is only recommended keeps to the bounds too."""
    least, greatest = bounds_of(context.spec, proposal.knob)
    if proposal.wanted > greatest:
        return Clamp(value=greatest, reason=Reason.AT_MAXIMUM, message=f"maximum is {greatest}")
    if proposal.wanted < least:
        return Clamp(value=least, reason=Reason.AT_MINIMUM, message=f"minimum is {least}")
    return None


def mode_off(proposal: Proposal, context: Context) -> Hold | None:
    return Hold(reason=Reason.MODE_OFF, message="the knob is off") if context.mode is Mode.OFF else None


def duplicate(proposal: Proposal, context: Context) -> Hold | None:
    if context.duplicate_of is None:
        return None
    return Hold(reason=Reason.DUPLICATE_TARGET, message=f"{context.duplicate_of} names the same target and is older")


def another_autoscaler(proposal: Proposal, context: Context) -> Hold | None:
    name = context.observation.workload.autoscaler
    if name is None:
        return None
    return Hold(reason=Reason.ANOTHER_AUTOSCALER, message=f"HorizontalPodAutoscaler {name} sets the replicas")


def suspended(proposal: Proposal, context: Context) -> Hold | None:
    return Hold(reason=Reason.SUSPENDED, message="spec.suspend is true") if context.spec.suspend else None


def paused(proposal: Proposal, context: Context) -> Hold | None:
    until = context.paused_until
    if until is None or context.now >= until:
        return None
    return Hold(reason=Reason.PAUSED, message=f"paused until {until.isoformat()}")


def mode_recommend(proposal: Proposal, context: Context) -> Hold | None:
    return Hold(reason=Reason.MODE_RECOMMEND, message="said, not done") if context.mode is Mode.RECOMMEND else None
