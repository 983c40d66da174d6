"""May the bounds of the autoscaler that moves the pods for us be moved?"""

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import ReplicasConflict
from fastapi_tuning.control.guards.verdict import Clamp, Context, Hold
from fastapi_tuning.control.knobs import Knob, Proposal


def owned_ceiling(proposal: Proposal, context: Context) -> Clamp | Hold | None:
    """Whoever states the most pods for good keeps that; the least go up to there and no further."""
    autoscaler = context.observation.workload.autoscaler
    if autoscaler is None or autoscaler.ceiling_owner is None or proposal.wanted == proposal.current:
        return None
    if context.spec.replicas.conflict_policy is ReplicasConflict.TAKE:
        return None
    message = f"{autoscaler.ceiling_field} is {autoscaler.ceiling}, and owned by {autoscaler.ceiling_owner}"
    if proposal.knob is Knob.CEILING:
        return Hold(reason=Reason.FIELD_CONFLICT, message=message)
    if proposal.wanted <= autoscaler.ceiling:
        return None
    return Clamp(value=autoscaler.ceiling, reason=Reason.FIELD_CONFLICT, message=message)
