"""What a guard waits for, and until when: the same windows as in control/guards/, told as times. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi_tuning.api.conflicts import KnobConflict
from fastapi_tuning.api.considered import Consideration
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import History
from fastapi_tuning.control.guards.evidence import EXPLORATION_PERIOD
from fastapi_tuning.control.knobs import Knob, within
from fastapi_tuning.control.memory import NEED_SLOT
from fastapi_tuning.control.oscillation import effect_delay
from fastapi_tuning.control.stops import Stop
from fastapi_tuning.control.undo import in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """`until`: the earliest time at which the guard lets the wish pass, if nothing else happens; None: an event."""

    what: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the guards looked at that the status still holds."""

    spec: FastAPITuningSpec
    history: History
    stops: tuple[Stop, ...]
    conflicts: tuple[KnobConflict, ...]
    now: datetime


def awaited(wish: Consideration, reason: Reason, situation: Situation) -> Awaited | None:
    """What must happen before the guard that gave this reason lets the wish pass; None if nothing will make it."""
    if reason in _WINDOWS:
        return _WINDOWS[reason](wish, situation)
    return Awaited(what=_EVENTS[reason]) if reason in _EVENTS else None


def _stabilized(wish: Consideration, situation: Situation) -> Awaited:
    """Down: the last need above the wish leaves the window. Up: the last one below it does."""
    if wish.knob != Knob.REPLICAS:
        return _watched(situation)
    return _stabilized_down(wish, situation) if _is_down(wish) else _stabilized_up(wish, situation)


def _stabilized_down(wish: Consideration, situation: Situation) -> Awaited:
    """The window must have been watched whole, and a need is as young as the end of its slot."""
    history = situation.history
    window = timedelta(seconds=situation.spec.replicas.scale_down.stabilization_seconds)
    target = within(situation.spec, Knob.REPLICAS, wish.wished)
    ends = [
        need.time + window + min(window, NEED_SLOT)
        for need in history.needs
        if within(situation.spec, Knob.REPLICAS, need.replicas) > target
    ]
    watched = _watched(situation).until
    return Awaited(
        what=f"that no more than {target} are needed for {window.total_seconds():.0f} s",
        until=_latest([*ends, *([] if watched is None else [watched])]),
    )


def _watched(situation: Situation) -> Awaited:
    window = timedelta(seconds=situation.spec.replicas.scale_down.stabilization_seconds)
    return Awaited(what="a whole stabilisation window watched", until=_after(situation.history.observed_since, window))


def _stabilized_up(wish: Consideration, situation: Situation) -> Awaited:
    window = timedelta(seconds=situation.spec.replicas.scale_up.stabilization_seconds)
    target = within(situation.spec, Knob.REPLICAS, wish.wished)
    ends = [
        need.time + window
        for need in situation.history.needs
        if within(situation.spec, Knob.REPLICAS, need.replicas) < target
    ]
    return Awaited(what=f"that {target} are needed for {window.total_seconds():.0f} s", until=_latest(ends))


def _step(wish: Consideration, situation: Situation) -> Awaited:
    replicas, history = situation.spec.replicas, situation.history
    down = _is_down(wish)
    rule, last = (
        (replicas.scale_down, history.last_scale_down_time) if down else (replicas.scale_up, history.last_scale_up_time)
    )
    return Awaited(
        what=f"one step each {rule.period_seconds} s", until=_after(last, timedelta(seconds=rule.period_seconds))
    )


def _effect(wish: Consideration, situation: Situation) -> Awaited:
    """After a rollout anything waits; after a move up, or of a setting, what goes down."""
    history = situation.history
    moves = [history.last_rollout_time]
    if _is_down(wish):
        moves += [history.last_scale_up_time, history.last_setting_time]
    delay = effect_delay(history, situation.now)
    last = _latest([move for move in moves if move is not None])
    return Awaited(what="that the last move shows its effect", until=_after(last, delay))


def _exploration(wish: Consideration, situation: Situation) -> Awaited:
    return Awaited(
        what="the next small step down, since fewer pods would carry more each than was seen to go well",
        until=_after(situation.history.last_scale_down_time, EXPLORATION_PERIOD),
    )


def _rollout(wish: Consideration, situation: Situation) -> Awaited:
    interval = timedelta(seconds=situation.spec.apply.min_rollout_interval_seconds)
    return Awaited(
        what="the next restart (apply.minRolloutIntervalSeconds)",
        until=_after(situation.history.last_rollout_time, interval),
    )


def _panic(wish: Consideration, situation: Situation) -> Awaited:
    return Awaited(what="that the overload is five minutes past", until=situation.history.panic_until)


def _downstream(wish: Consideration, situation: Situation) -> Awaited:
    history = situation.history
    growth = history.thread_growth if wish.knob == Knob.THREADS else history.replica_growth
    return Awaited(what="the next try whether more helps", until=growth.frozen_until)


def _undone(wish: Consideration, situation: Situation) -> Awaited:
    back = in_force(situation.history.undos, wish.knob, situation.now)
    return Awaited(what="the next try of what made it worse", until=None if back is None else back.until)


def _pause(wish: Consideration, situation: Situation) -> Awaited:
    return Awaited(what="the end of the pause", until=_end_of(Reason.PAUSED, situation))


def _freeze_window(wish: Consideration, situation: Situation) -> Awaited:
    return Awaited(what="the end of the freeze window", until=_end_of(Reason.FREEZE_WINDOW, situation))


def _end_of(reason: Reason, situation: Situation) -> datetime | None:
    return _latest([stop.until for stop in situation.stops if stop.reason is reason])


def _foreign_move(wish: Consideration, situation: Situation) -> Awaited:
    ends = [each.until for each in situation.conflicts if each.knob == wish.knob and each.until is not None]
    return Awaited(what="one stabilisation window after somebody else's move", until=_latest(ends))


_WINDOWS: Mapping[Reason, Callable[[Consideration, Situation], Awaited]] = {
    Reason.STABILIZING: _stabilized,
    Reason.RATE_LIMITED: _step,
    Reason.AWAITING_EFFECT: _effect,
    Reason.UNPROVEN_LOAD: _exploration,
    Reason.ROLLOUT_RATE_LIMITED: _rollout,
    Reason.PANIC: _panic,
    Reason.DOWNSTREAM_LIMITS: _downstream,
    Reason.UNDONE: _undone,
    Reason.PAUSED: _pause,
    Reason.FREEZE_WINDOW: _freeze_window,
    Reason.MOVED_BY_OTHERS: _foreign_move,
}

_EVENTS: Mapping[Reason, str] = {
    Reason.AT_MAXIMUM: "a higher maximum in the spec",
    Reason.AT_MINIMUM: "a lower minimum in the spec",
    Reason.STEP_LIMITED: "the next step",
    Reason.SUSPENDED: "spec.suspend: false",
    Reason.MODE_RECOMMEND: "spec.mode: Auto, and the knob's own mode",
    Reason.ANOTHER_AUTOSCALER: "that the other autoscaler leaves the replicas alone",
    Reason.AUTOSCALER_NOT_FOUND: "exactly one autoscaler of the kind that spec.replicas.via names",
    Reason.PROGRESSIVE_DELIVERY: "that the Rollout or Canary lets go of the target",
    Reason.DUPLICATE_TARGET: "that the older FastAPITuning goes",
    Reason.PARTLY_SCRAPED: "that Prometheus scrapes every ready pod",
    Reason.ROLLOUT_IN_PROGRESS: "the end of the rollout",
    Reason.TOO_FEW_REQUESTS: "more requests; they are counted together for up to an hour",
    Reason.NOTHING_PROVEN: "a window under load in which these pods hold the objective",
    Reason.BUDGET_FORBIDS_EXPLORING: "that the error budget burns no faster than allowed for 5 minutes and an hour",
    Reason.BUDGET_FORBIDS_SCALE_DOWN: "5 quiet minutes, and half an hour within the error budget",
    Reason.CPU_BUSY: "that pods compute less, or more pods",
    Reason.CONTENDED: "that what the requests wait for gets faster",
    Reason.MEMORY_SHORT: "a larger memory limit, or less memory used",
    Reason.DATABASE_POOL_SHORT: "a larger database pool, or that no request waits for a connection",
    Reason.SLOW_DEPENDENCY: "that the dependency is quick again, or that the pods themselves are full",
    Reason.UNSCHEDULABLE: "that every pod has a node",
    Reason.DATABASE_BUDGET: "free connections of the database: fewer pods of another object, or a larger budget",
    Reason.PROCESS_DOES_NOT_FIT: "a larger memory limit, or a smaller process",
    Reason.PROCESS_NOT_MEASURED: "that memory of the process is measured, or workers.resources: Keep",
    Reason.RESOURCES_NOT_PERMITTED: "workers.divideResources in the operator's settings, or workers.resources: Keep",
    Reason.CHANGE_TOO_SMALL: "a wish that is at least 15 % away",
    Reason.GAIN_TOO_SMALL: "that a restart saves a pod or mends the objective, or that pods restart anyway",
    Reason.ERROR_BUDGET_BURNING: "that the objective holds again, or replicas reach their maximum",
    Reason.CONFLICT: "the next cycle",
    Reason.FIELD_CONFLICT: "that the other owner gives the field up",
    Reason.WRITE_FAILED: "the next cycle",
    Reason.AGENT_MISSING: "the agent in the pods",
}


def _is_down(wish: Consideration) -> bool:
    return wish.current is not None and wish.wished < wish.current


def _after(time: datetime | None, delay: timedelta) -> datetime | None:
    return None if time is None else time + delay


def _latest(times: list[datetime]) -> datetime | None:
    return max(times, default=None)
