"""Are there connections for it? The budget of a database that several objects share, see control/database_budget.py."""

from dataclasses import replace
from datetime import datetime, timedelta

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import DatabaseShare
from fastapi_tuning.control.guards.verdict import Clamp, Context, Hold, Verdict, since
from fastapi_tuning.control.knobs import Proposal

_PASSING = (Reason.AWAITING_EFFECT, Reason.RATE_LIMITED, Reason.STABILIZING)
"""Holds that end by themselves within minutes: what they hold is still wanted."""


def database_budget(proposal: Proposal, context: Context) -> Clamp | None:
    """Up only into connections that nobody holds, and to the fair share."""
    share, current = context.database, proposal.current
    if share is None or current is None or not proposal.is_up or proposal.wanted <= share.cap_pods:
        return None
    return Clamp(value=max(share.cap_pods, current), reason=Reason.DATABASE_BUDGET, message=connections_told(share))


def room_to_restart(proposal: Proposal, context: Context) -> Hold | None:
    """A rolling restart has more pods than there are replicas, and those that end hold connections too."""
    share = context.database
    if share is None or share.restart_fits or proposal.wanted == proposal.current:
        return None
    return Hold(reason=Reason.DATABASE_BUDGET, message=no_room_told(share))


def no_room_told(share: DatabaseShare) -> str:
    return f"no room for the pods that a restart has besides: {connections_told(share)}"


def connections_told(share: DatabaseShare) -> str:
    """Numbers and names, for people."""
    held = f"{share.used_connections} of {share.budget_connections} connections of {share.name} are held"
    by = f"{held} by {', '.join(share.claimants)}" if share.claimants else held
    return f"{by}; fair share {share.fair_pods} pods"


def to_fair_share(proposal: Proposal, share: DatabaseShare | None, spec: FastAPITuningSpec, now: datetime) -> Proposal:
    """Down to the fair share, once more than it was held for as long as a lower need must have stood.

    Whatever the evidence says: both services suffer then, and this one has more. Below the share only as always.
    """
    if share is None or share.beyond_share_since is None or proposal.current is None:
        return proposal
    if since(share.beyond_share_since, now) < timedelta(seconds=spec.replicas.scale_down.stabilization_seconds):
        return proposal
    return replace(
        proposal,
        wanted=share.fair_pods,
        reason=Reason.DATABASE_SHARE,
        message=f"{connections_told(share)}; {proposal.message}",
    )


def share_after(share: DatabaseShare | None, replicas: Verdict | None, current: int) -> DatabaseShare | None:
    """The share once the replicas moved: what is wanted, and no restart into connections that new pods take.

    Args:
        replicas: None where nothing was decided.
    """
    if share is None or replicas is None:
        return share and share.model_copy(update={"wanted_pods": current})
    grows = replicas.value is not None and replicas.value > current
    return share.model_copy(
        update={"wanted_pods": _wanted(replicas, current), "restart_fits": share.restart_fits and not grows}
    )


def _wanted(verdict: Verdict, current: int) -> int:
    """Replicas that would be set, had the database the connections for them.

    A wish that something else holds for long is none: nobody is to wait for connections that it does not take.
    """
    wanted = verdict.wished
    for answer in verdict.guards:
        if answer.reason is Reason.DATABASE_BUDGET:
            return wanted
        if isinstance(answer, Hold) and answer.reason not in _PASSING:
            return current
        if isinstance(answer, Clamp) and answer.reason is not Reason.STEP_LIMITED:
            wanted = answer.value
    return wanted
