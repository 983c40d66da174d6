"""How fast may replicas move? Stabilisation windows and steps, as in a HorizontalPodAutoscaler's behavior."""

import math
from datetime import timedelta

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.guards.evidence import is_panic
from fastapi_tuning.control.guards.verdict import Clamp, Context, Hold, since
from fastapi_tuning.control.knobs import Knob, Proposal, within
from fastapi_tuning.control.memory import NEED_SLOT


def own_watch(proposal: Proposal, context: Context) -> Hold | None:
    """Nothing goes down before one stabilisation window was watched whole, after a start or a silence."""
    window = _window_down(context)
    watched_since = context.history.observed_since
    if not proposal.is_down or (watched_since is not None and context.now - watched_since >= window):
        return None
    return Hold(reason=Reason.STABILIZING, message=f"not yet watched for {window.total_seconds():.0f} s")


def stabilization(proposal: Proposal, context: Context) -> Clamp | None:
    """Down: the most that was needed in the window. Up: the least."""
    if proposal.is_up:
        return _stabilized_up(proposal, context)
    return _stabilized_down(proposal, context) if proposal.is_down else None


def _stabilized_up(proposal: Proposal, context: Context) -> Clamp | None:
    """A panic does not wait, nor does what goes back to where it was."""
    window = timedelta(seconds=context.spec.replicas.scale_up.stabilization_seconds)
    if not window or is_panic(context) or proposal.reason is Reason.UNDONE:
        return None
    lowest = max(min([*_needs(context, window), proposal.wanted]), proposal.current or 0)
    if lowest == proposal.wanted:
        return None
    return Clamp(value=lowest, reason=Reason.STABILIZING, message=f"{lowest} sufficed within the window")


def _stabilized_down(proposal: Proposal, context: Context) -> Clamp | None:
    """A need is as young as the end of its slot, so that the window is never shorter than asked for."""
    window = _window_down(context)
    needs = _needs(context, window + min(window, NEED_SLOT))
    highest = min(max([*needs, proposal.wanted]), proposal.current or proposal.wanted)
    if highest == proposal.wanted:
        return None
    return Clamp(value=highest, reason=Reason.STABILIZING, message=f"{highest} were needed within the window")


def _window_down(context: Context) -> timedelta:
    return timedelta(seconds=context.spec.replicas.scale_down.stabilization_seconds)


def _needs(context: Context, window: timedelta) -> list[int]:
    return [
        within(context.spec, Knob.REPLICAS, need.replicas)
        for need in context.history.needs
        if context.now - need.time <= window
    ]


def step(proposal: Proposal, context: Context) -> Clamp | Hold | None:
    """At most max(percent of current, pods) a step and one step a period; no limit on the way to the bounds."""
    current = proposal.current
    if current is None or proposal.wanted == current:
        return None
    replicas, history = context.spec.replicas, context.history
    rule = replicas.scale_up if proposal.is_up else replicas.scale_down
    last = history.last_scale_up_time if proposal.is_up else history.last_scale_down_time
    if since(last, context.now) < timedelta(seconds=rule.period_seconds):
        return Hold(reason=Reason.RATE_LIMITED, message=f"one step each {rule.period_seconds} s")
    pods = max(math.floor(current * rule.max_percent / 100), rule.max_pods)
    reached = (
        min(proposal.wanted, max(current + pods, replicas.min))
        if proposal.is_up
        else max(proposal.wanted, min(current - pods, replicas.max))
    )
    if reached == proposal.wanted:
        return None
    return Clamp(value=reached, reason=Reason.STEP_LIMITED, message=f"at most {pods} pods a step")
