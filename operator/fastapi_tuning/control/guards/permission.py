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


def foreign_owner(proposal: Proposal, context: Context) -> Hold | None:
    """What somebody else moves is left alone; the others go on."""
    owner = next((each for each in context.owners if each.holds(proposal)), None)
    return None if owner is None else Hold(reason=owner.reason, message=owner.told)


def suspended(proposal: Proposal, context: Context) -> Hold | None:
    return Hold(reason=Reason.SUSPENDED, message="spec.suspend is true") if context.spec.suspend else None


def stopped(proposal: Proposal, context: Context) -> Hold | None:
    """By a pause or a freeze window."""
    stop = next((each for each in context.stops if each.holds(proposal)), None)
    return None if stop is None else Hold(reason=stop.reason, message=stop.told)


def mode_recommend(proposal: Proposal, context: Context) -> Hold | None:
    return Hold(reason=Reason.MODE_RECOMMEND, message="said, not done") if context.mode is Mode.RECOMMEND else None
