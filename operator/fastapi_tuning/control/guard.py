"""Proposal → Verdict: what of a proposal may happen now, and which rule changed it.

Each guard is one function of (proposal, context) and answers None (nothing to say), a Clamp or a Hold. The chains at
the end read as the specification: first match of a Hold ends it, a Clamp hands a smaller proposal on.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec, Mode
from fastapi_tuning.api.status import History
from fastapi_tuning.control.decide import Knob, Proposal
from fastapi_tuning.control.memory import NEED_SLOT
from fastapi_tuning.control.observation import NoTraffic, Observation, Traffic

EFFECT_DELAY = timedelta(seconds=45)
"""Dead time: half a scrape period, half the rate window, half a cycle, a pod's start. No judgement before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """All that guards may look at. `mode` is the knob's effective mode, `paused_until` the annotation's time."""

    now: datetime
    observation: Observation
    spec: FastAPITuningSpec
    history: History
    mode: Mode
    objective_missed: bool
    paused_until: datetime | None = None
    duplicate_of: str | None = None
    """Name of the older FastAPITuning on the same target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clamp:
    """Go on with `value` instead."""

    value: int
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Do not move this knob now."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome: `value` is what to set now, None to leave the knob alone; `guards` is the trail."""

    proposal: Proposal
    value: int | None
    guards: tuple[Clamp | Hold, ...]


Guard = Callable[[Proposal, Context], Clamp | Hold | None]


def judge(proposal: Proposal, context: Context, chain: tuple[Guard, ...]) -> Verdict:
    """Run the chain; a value equal to the current one is no move."""
    trail: list[Clamp | Hold] = []
    for guard in chain:
        answer = guard(proposal, context)
        if answer is None:
            continue
        trail.append(answer)
        if isinstance(answer, Hold):
            return Verdict(proposal=proposal, value=None, guards=tuple(trail))
        proposal = replace(proposal, wanted=answer.value)
    value = None if proposal.wanted == proposal.current else proposal.wanted
    return Verdict(proposal=proposal, value=value, guards=tuple(trail))


def mode_off(proposal: Proposal, context: Context) -> Hold | None:
    return Hold(reason=Reason.MODE_OFF, message="the knob is off") if context.mode is Mode.OFF else None


def duplicate(proposal: Proposal, context: Context) -> Hold | None:
    if context.duplicate_of is None:
        return None
    return Hold(reason=Reason.DUPLICATE_TARGET, message=f"{context.duplicate_of} names the same target and is older")


def rollout_in_progress(proposal: Proposal, context: Context) -> Hold | None:
    """A rollout mixes old and new pods. More pods still help when the objective is missed; nothing else moves."""
    if not context.observation.workload.rollout_in_progress:
        return None
    if proposal.knob is Knob.REPLICAS and context.objective_missed and _is_up(proposal):
        return None
    return Hold(reason=Reason.ROLLOUT_IN_PROGRESS, message="the target is replacing pods")


def another_autoscaler(proposal: Proposal, context: Context) -> Hold | None:
    name = context.observation.workload.autoscaler
    if name is None:
        return None
    return Hold(reason=Reason.ANOTHER_AUTOSCALER, message=f"HorizontalPodAutoscaler {name} sets the replicas")


def partly_scraped(proposal: Proposal, context: Context) -> Hold | None:
    """Sums over too few pods are too low: nothing may go down on them."""
    signals, ready = context.observation.signals, context.observation.workload.ready_replicas
    if not isinstance(signals, Traffic | NoTraffic) or signals.scraped_pods >= ready or not _is_down(proposal):
        return None
    return Hold(reason=Reason.PARTLY_SCRAPED, message=f"{signals.scraped_pods} of {ready} ready pods scraped")


def awaiting_effect(proposal: Proposal, context: Context) -> Hold | None:
    """One dead time between a move and the next decision down, and between a change of settings and anything."""
    history = context.history
    since_settings = min(
        _since(history.last_rollout_time, context.now),
        _since(history.last_setting_time, context.now),
    )
    since_scale_up = _since(history.last_scale_up_time, context.now)
    waiting = since_settings if _is_up(proposal) else min(since_settings, since_scale_up)
    if waiting >= EFFECT_DELAY or (context.objective_missed and _is_up(proposal)):
        return None
    return Hold(reason=Reason.AWAITING_EFFECT, message=f"last move {waiting.total_seconds():.0f} s ago")


def stabilization(proposal: Proposal, context: Context) -> Clamp | Hold | None:
    """Down: the most that was needed in the window, which must have been watched whole. Up: the least.

    A need is as young as the end of its slot, so that the window is never shorter than asked for.
    """
    rule = context.spec.replicas.scale_up if _is_up(proposal) else context.spec.replicas.scale_down
    window = timedelta(seconds=rule.stabilization_seconds)
    slot = timedelta(0) if _is_up(proposal) else min(window, NEED_SLOT)
    bounds = context.spec.replicas
    needs = [
        max(bounds.min, min(bounds.max, need.replicas))
        for need in context.history.needs
        if context.now - need.time <= window + slot
    ]
    if _is_up(proposal):
        lowest = max(min([*needs, proposal.wanted]), proposal.current or 0)
        if window and lowest < proposal.wanted:
            return Clamp(value=lowest, reason=Reason.STABILIZING, message=f"{lowest} sufficed within the window")
        return None
    if not _is_down(proposal):
        return None
    since = context.history.observed_since
    if since is None or context.now - since < window:
        return Hold(reason=Reason.STABILIZING, message=f"not yet watched for {rule.stabilization_seconds} s")
    highest = min(max([*needs, proposal.wanted]), proposal.current or proposal.wanted)
    if highest > proposal.wanted:
        return Clamp(value=highest, reason=Reason.STABILIZING, message=f"{highest} were needed within the window")
    return None


def replica_bounds(proposal: Proposal, context: Context) -> Clamp | None:
    bounds = context.spec.replicas
    if proposal.wanted > bounds.max:
        return Clamp(value=bounds.max, reason=Reason.AT_MAXIMUM, message=f"maximum is {bounds.max}")
    if proposal.wanted < bounds.min:
        return Clamp(value=bounds.min, reason=Reason.AT_MINIMUM, message=f"minimum is {bounds.min}")
    return None


def replica_step(proposal: Proposal, context: Context) -> Clamp | Hold | None:
    """At most max(percent of current, pods) a step and one step a period; no limit on the way to the bounds."""
    current = proposal.current
    if current is None or proposal.wanted == current:
        return None
    up = proposal.wanted > current
    rule = context.spec.replicas.scale_up if up else context.spec.replicas.scale_down
    last = context.history.last_scale_up_time if up else context.history.last_scale_down_time
    if _since(last, context.now) < timedelta(seconds=rule.period_seconds):
        return Hold(reason=Reason.RATE_LIMITED, message=f"one step each {rule.period_seconds} s")
    step = max(math.floor(current * rule.max_percent / 100), rule.max_pods)
    bounds = context.spec.replicas
    reached = (
        min(proposal.wanted, max(current + step, bounds.min))
        if up
        else max(proposal.wanted, min(current - step, bounds.max))
    )
    if reached == proposal.wanted:
        return None
    return Clamp(value=reached, reason=Reason.STEP_LIMITED, message=f"at most {step} pods a step")


def restart_worth_it(proposal: Proposal, context: Context) -> Hold | None:
    """A rollout must save a pod, mend an objective that replicas cannot mend, or be asked for by name."""
    asked_for = proposal.reason in (Reason.REQUESTED_BY_SPEC, Reason.WORKERS_TO_PODS)
    if proposal.wanted == proposal.current or proposal.saves_pods >= 1 or asked_for:
        return None
    if context.objective_missed and not _replicas_can_help(context):
        return None
    return Hold(reason=Reason.GAIN_TOO_SMALL, message="would save no pod")


def error_budget(proposal: Proposal, context: Context) -> Hold | None:
    """No restart while users suffer, unless replicas cannot help."""
    if proposal.wanted == proposal.current or not context.objective_missed or not _replicas_can_help(context):
        return None
    return Hold(reason=Reason.ERROR_BUDGET_BURNING, message="objective missed: replicas first, restart later")


def rollout_rate(proposal: Proposal, context: Context) -> Hold | None:
    interval = timedelta(seconds=context.spec.apply.min_rollout_interval_seconds)
    since = _since(context.history.last_rollout_time, context.now)
    if proposal.wanted == proposal.current or since >= interval:
        return None
    remaining = (interval - since).total_seconds()
    return Hold(reason=Reason.ROLLOUT_RATE_LIMITED, message=f"next restart in {remaining:.0f} s at the earliest")


def suspended(proposal: Proposal, context: Context) -> Hold | None:
    return Hold(reason=Reason.SUSPENDED, message="spec.suspend is true") if context.spec.suspend else None


def paused(proposal: Proposal, context: Context) -> Hold | None:
    until = context.paused_until
    if until is None or context.now >= until:
        return None
    return Hold(reason=Reason.PAUSED, message=f"paused until {until.isoformat()}")


def mode_recommend(proposal: Proposal, context: Context) -> Hold | None:
    return Hold(reason=Reason.MODE_RECOMMEND, message="said, not done") if context.mode is Mode.RECOMMEND else None


def _is_up(proposal: Proposal) -> bool:
    return proposal.current is None or proposal.wanted > proposal.current


def _is_down(proposal: Proposal) -> bool:
    return proposal.current is not None and proposal.wanted < proposal.current


def _since(time: datetime | None, now: datetime) -> timedelta:
    return timedelta.max if time is None else now - time


def _replicas_can_help(context: Context) -> bool:
    replicas = context.spec.replicas
    return (
        context.spec.effective_mode(replicas.mode) is Mode.AUTO
        and context.observation.workload.autoscaler is None
        and context.observation.workload.desired_replicas < replicas.max
    )


REPLICA_CHAIN: tuple[Guard, ...] = (
    mode_off,
    duplicate,
    another_autoscaler,
    replica_bounds,
    partly_scraped,
    rollout_in_progress,
    awaiting_effect,
    stabilization,
    replica_step,
    suspended,
    paused,
    mode_recommend,
)

SETTING_CHAIN: tuple[Guard, ...] = (
    mode_off,
    duplicate,
    partly_scraped,
    rollout_in_progress,
    awaiting_effect,
    restart_worth_it,
    error_budget,
    rollout_rate,
    suspended,
    paused,
    mode_recommend,
)

LIVE_SETTING_CHAIN: tuple[Guard, ...] = (
    mode_off,
    duplicate,
    partly_scraped,
    rollout_in_progress,
    awaiting_effect,
    suspended,
    paused,
    mode_recommend,
)
"""What no restart is needed for must not be worth one."""
