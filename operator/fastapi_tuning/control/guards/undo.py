"""What made it worse lately is not tried again before its time, see control/undo.py."""

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.guards.verdict import Clamp, Context
from fastapi_tuning.control.knobs import Proposal
from fastapi_tuning.control.undo import bound_of, in_force


def undone(proposal: Proposal, context: Context) -> Clamp | None:
    """No further than the value that went well, in the direction of the one that did not; no requests harm nobody."""
    back = in_force(context.history.undos, proposal.knob, context.now)
    found, current = context.estimate, proposal.current
    if back is None or current is None or found is None:
        return None
    bound = bound_of(back, proposal.knob, found.expected_per_second)
    value = min(current, bound) if back.was_down else max(current, bound)
    passes = proposal.wanted < value if back.was_down else proposal.wanted > value
    if not passes:
        return None
    return Clamp(value=value, reason=Reason.UNDONE, message=f"not before {back.until:%H:%M:%S}: {back.evidence}")
