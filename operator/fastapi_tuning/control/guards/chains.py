"""The chains: read from top to bottom, they are the specification of what may happen."""

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.guards.autoscaler import owned_ceiling
from fastapi_tuning.control.guards.database import database_budget, room_to_restart
from fastapi_tuning.control.guards.evidence import (
    awaiting_effect,
    behind_the_pods,
    budget_for_scale_down,
    downstream,
    panic,
    partly_scraped,
    rollout_in_progress,
    too_few_requests,
    unproven_load,
    unschedulable,
)
from fastapi_tuning.control.guards.pace import own_watch, stabilization, step
from fastapi_tuning.control.guards.permission import (
    bounds,
    foreign_owner,
    mode_off,
    mode_recommend,
    stopped,
    suspended,
)
from fastapi_tuning.control.guards.settings import (
    contended,
    cpu_busy,
    database_pool,
    error_budget,
    memory,
    nothing_proven,
    pool_step,
    restart_worth_it,
    rollout_rate,
    too_small,
)
from fastapi_tuning.control.guards.undo import undone
from fastapi_tuning.control.guards.verdict import Chain
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.observation import Delivery, Workload

REPLICA_CHAIN: Chain = (
    bounds,
    mode_off,
    foreign_owner,
    owned_ceiling,
    unschedulable,
    partly_scraped,
    rollout_in_progress,
    awaiting_effect,
    downstream,
    undone,
    behind_the_pods,
    database_budget,
    panic,
    too_few_requests,
    budget_for_scale_down,
    own_watch,
    stabilization,
    unproven_load,
    step,
    suspended,
    stopped,
    mode_recommend,
)

FALLBACK_CHAIN: Chain = (
    bounds,
    mode_off,
    foreign_owner,
    owned_ceiling,
    unschedulable,
    database_budget,
    step,
    suspended,
    stopped,
    mode_recommend,
)
"""Up without any evidence, since there is none: what is left is who may, how fast, and what there is room for."""

TAKE_BACK_CHAIN: Chain = (
    bounds,
    mode_off,
    foreign_owner,
    owned_ceiling,
    partly_scraped,
    rollout_in_progress,
    own_watch,
    database_budget,
    step,
    suspended,
    stopped,
    mode_recommend,
)
"""Pods that brought nothing go though the objective is missed: they cost, and may do harm. So do those whose
database connections are another's fair share."""

BOUND_CHAIN: Chain = (
    bounds,
    mode_off,
    foreign_owner,
    owned_ceiling,
    suspended,
    stopped,
    mode_recommend,
)
"""A bound of an autoscaler, where that moves no pod: who may is all there is to ask."""

LIVE_TAKE_BACK_CHAIN: Chain = (
    bounds,
    mode_off,
    foreign_owner,
    partly_scraped,
    rollout_in_progress,
    own_watch,
    suspended,
    stopped,
    mode_recommend,
)
"""The same for threads that brought nothing, and for any setting that made it worse, where taking it back is free."""

RELIEF_CHAIN: Chain = (
    bounds,
    mode_off,
    foreign_owner,
    partly_scraped,
    rollout_in_progress,
    awaiting_effect,
    own_watch,
    suspended,
    stopped,
    mode_recommend,
)
"""Fewer threads where memory is short: that does not wait until the pods were seen to do well. In steps, since memory
comes back with time only."""

LIVE_SETTING_CHAIN: Chain = (
    bounds,
    mode_off,
    foreign_owner,
    partly_scraped,
    rollout_in_progress,
    awaiting_effect,
    downstream,
    undone,
    nothing_proven,
    own_watch,
    cpu_busy,
    contended,
    database_pool,
    memory,
    pool_step,
    too_small,
    suspended,
    stopped,
    mode_recommend,
)

ROLLOUT_SETTING_CHAIN: Chain = (
    bounds,
    mode_off,
    foreign_owner,
    partly_scraped,
    rollout_in_progress,
    awaiting_effect,
    downstream,
    undone,
    nothing_proven,
    own_watch,
    cpu_busy,
    database_pool,
    memory,
    room_to_restart,
    restart_worth_it,
    error_budget,
    rollout_rate,
    suspended,
    stopped,
    mode_recommend,
)

UNDO_ROLLOUT_CHAIN: Chain = (
    bounds,
    mode_off,
    foreign_owner,
    partly_scraped,
    rollout_in_progress,
    awaiting_effect,
    own_watch,
    room_to_restart,
    suspended,
    stopped,
    mode_recommend,
)
"""A setting that made it worse goes back by a restart though the last one is young and the objective is missed: it is
the cause. That cannot come again before the back-off is over, since the setting is not tried again until then."""

WORKERS_CHAIN: Chain = tuple(guard for guard in ROLLOUT_SETTING_CHAIN if guard is not own_watch)
"""Fewer workers a pod take nothing away, since as many pods came before them: that need not be watched for first."""


TAKES_BACK = (Reason.DOWNSTREAM_LIMITS, Reason.DATABASE_SHARE)
"""Reasons for which pods, or threads, must go."""


def chain_for(proposal: Proposal, workload: Workload) -> Chain:
    """By what the move costs."""
    live = workload.delivery is Delivery.LIVE
    relieves = proposal.reason is Reason.MEMORY_SHORT
    takes_back = proposal.reason in TAKES_BACK
    undoes = proposal.reason is Reason.UNDONE
    if proposal.reason is Reason.FALLBACK:
        return FALLBACK_CHAIN
    if proposal.reason is Reason.BOUND_OF_AUTOSCALER:
        return BOUND_CHAIN
    if proposal.knob is Knob.CEILING:
        return TAKE_BACK_CHAIN
    if proposal.knob is Knob.WORKERS:
        return WORKERS_CHAIN
    if proposal.knob is Knob.REPLICAS:
        return TAKE_BACK_CHAIN if takes_back else REPLICA_CHAIN
    if live and relieves:
        return RELIEF_CHAIN
    if live:
        return LIVE_TAKE_BACK_CHAIN if takes_back or undoes else LIVE_SETTING_CHAIN
    return UNDO_ROLLOUT_CHAIN if undoes else ROLLOUT_SETTING_CHAIN
