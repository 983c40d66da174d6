"""Is what was seen good enough to act on?"""

import math
from datetime import timedelta

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import Growth
from fastapi_tuning.control.burn import may_explore, may_scale_down
from fastapi_tuning.control.growth import cap_of, cap_told
from fastapi_tuning.control.guards.verdict import Clamp, Context, Hold, since
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.learning import TRUSTED_EXCESS
from fastapi_tuning.control.objective import Verdict
from fastapi_tuning.control.observation import NoTraffic, Traffic
from fastapi_tuning.control.oscillation import effect_delay
from fastapi_tuning.control.replicas import feed_forward, panics

_TRUSTED_SHARE = 0.5
"""Half of what a pod carries by its threads and CPU is taken on trust; beyond it only what was seen."""
EXPLORATION_PERIOD = timedelta(minutes=5)
_EXPLORATION_STEP = 0.1


def partly_scraped(proposal: Proposal, context: Context) -> Hold | None:
    """Sums over too few pods are too low: nothing may go down on them."""
    signals, ready = context.observation.signals, context.observation.workload.ready_replicas
    if not isinstance(signals, Traffic | NoTraffic) or signals.scraped_pods >= ready or not proposal.is_down:
        return None
    return Hold(reason=Reason.PARTLY_SCRAPED, message=f"{signals.scraped_pods} of {ready} ready pods scraped")


def rollout_in_progress(proposal: Proposal, context: Context) -> Hold | None:
    """A rollout mixes old and new pods. More pods still help when the objective is missed; nothing else moves."""
    if not context.observation.workload.rollout_in_progress:
        return None
    if proposal.knob is Knob.REPLICAS and context.objective_missed and proposal.is_up:
        return None
    return Hold(reason=Reason.ROLLOUT_IN_PROGRESS, message="the target is replacing pods")


def awaiting_effect(proposal: Proposal, context: Context) -> Hold | None:
    """One dead time between a move up and a decision down, and between a rollout and anything."""
    history, now = context.history, context.now
    after_rollout = since(history.last_rollout_time, now)
    after_up = min(since(history.last_scale_up_time, now), since(history.last_setting_time, now))
    waiting = after_rollout if proposal.is_up else min(after_rollout, after_up)
    if waiting >= effect_delay(history, now) or (context.objective_missed and proposal.is_up):
        return None
    return Hold(reason=Reason.AWAITING_EFFECT, message=f"last move {waiting.total_seconds():.0f} s ago")


def too_few_requests(proposal: Proposal, context: Context) -> Hold | None:
    """At low traffic evidence is gathered for up to an hour; until it is enough nothing goes down."""
    found = context.estimate
    if found is None or found.verdict is not Verdict.TOO_FEW_REQUESTS or not proposal.is_down:
        return None
    return Hold(reason=Reason.TOO_FEW_REQUESTS, message=f"{found.requests_in_window:.0f} requests in the window")


def panic(proposal: Proposal, context: Context) -> Hold | None:
    """No step down within five minutes of an overload."""
    until = context.history.panic_until
    if until is None or context.now >= until or not proposal.is_down:
        return None
    return Hold(reason=Reason.PANIC, message=f"overloaded until lately: not down before {until.isoformat()}")


def budget_for_scale_down(proposal: Proposal, context: Context) -> Hold | None:
    found = context.estimate
    if found is None or not proposal.is_down or may_scale_down(found.budget, context.spec.objectives):
        return None
    return Hold(
        reason=Reason.BUDGET_FORBIDS_SCALE_DOWN,
        message="burn rate above 0.25 in the last 5 or 30 minutes",
    )


def unproven_load(proposal: Proposal, context: Context) -> Clamp | Hold | None:
    """Down only to a load per pod that was seen to go well, or half of what a pod should carry.

    Beyond that by a tenth of the pods, at least one, each five minutes, and only while the budget allows to explore.
    """
    found, current = context.estimate, proposal.current
    if found is None or current is None or not proposal.is_down:
        return None
    proven = found.capacity.proven_per_second
    if proven is None:
        return Hold(reason=Reason.NOTHING_PROVEN, message="no window yet in which these pods held the objective")
    trusted = max(TRUSTED_EXCESS * proven, _TRUSTED_SHARE * (found.capacity.safe_per_second or 0.0))
    if proposal.wanted * trusted >= found.expected_per_second:
        return None
    least = math.ceil(min(current, found.expected_per_second / trusted))
    explored = current - max(1, math.floor(_EXPLORATION_STEP * current))
    if least <= explored:
        return Clamp(value=least, reason=Reason.UNPROVEN_LOAD, message=f"{trusted:.1f} requests/s a pod went well")
    if not may_explore(found.budget, context.spec.objectives):
        return Hold(reason=Reason.BUDGET_FORBIDS_EXPLORING, message="burn rate above 1 in the last 5 minutes or hour")
    waited = since(context.history.last_scale_down_time, context.now)
    if waited < EXPLORATION_PERIOD:
        return Hold(reason=Reason.UNPROVEN_LOAD, message=f"last step down {waited.total_seconds():.0f} s ago")
    value = max(proposal.wanted, explored)
    if value == proposal.wanted:
        return None
    return Clamp(value=value, reason=Reason.UNPROVEN_LOAD, message="a step beyond what was seen to go well")


def downstream(proposal: Proposal, context: Context) -> Clamp | None:
    """What brought nothing is not tried again before its time."""
    growths = {Knob.REPLICAS: context.history.replica_growth, Knob.THREADS: context.history.thread_growth}
    cap = cap_of(growths.get(proposal.knob, Growth()), context.now)
    if cap is None or not proposal.is_up or proposal.current is None or proposal.wanted <= cap:
        return None
    return Clamp(
        value=max(cap, proposal.current),
        reason=Reason.DOWNSTREAM_LIMITS,
        message=cap_told(cap),
    )


def behind_the_pods(proposal: Proposal, context: Context) -> Hold | None:
    """No pod makes a slow database quicker. Pods that are full by themselves may still be joined by more."""
    found, diagnosis = context.estimate, context.diagnosis
    if found is None or diagnosis is None or not diagnosis.is_behind_the_pods or not proposal.is_up:
        return None
    carrying = feed_forward(found, found.offered_per_second * found.capacity.correction)
    if carrying is None or proposal.current is None or carrying > proposal.current:
        return None
    return Hold(reason=Reason.SLOW_DEPENDENCY, message=f"{carrying} pods would carry the load; {diagnosis.evidence}")


def unschedulable(proposal: Proposal, context: Context) -> Hold | None:
    """What no node has room for is not asked for twice."""
    nowhere = context.observation.workload.unschedulable
    if nowhere is None or proposal.knob is not Knob.REPLICAS or not proposal.is_up:
        return None
    return Hold(reason=Reason.UNSCHEDULABLE, message=f"{nowhere.pods} pods find no node: {nowhere.message}")


def is_panic(context: Context) -> bool:
    """Whether the pods are overloaded right now."""
    return context.estimate is not None and panics(context.estimate, context.observation.workload.ready_replicas)
