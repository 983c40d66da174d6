"""What runs beside the single wishes: pauses, experiments, freezes, settings on their way, the next decision. Pure."""

from datetime import datetime, timedelta

from fastapi_tuning.api.spec import Mode
from fastapi_tuning.api.status import FastAPITuningStatus, Growth, number_of
from fastapi_tuning.api.undo import Undo
from fastapi_tuning.control.stops import STOPPED
from fastapi_tuning.control.undo import WINDOW_SECONDS
from fastapi_tuning.explain.awaited import Situation
from fastapi_tuning.explain.times import since, until


def ahead(situation: Situation, status: FastAPITuningStatus) -> list[str]:
    """A line for each thing that ends some time after now."""
    history, now = situation.history, situation.now
    timed = (
        ("overloaded lately: nothing goes down", history.panic_until),
        ("it oscillated: half the answer, twice the wait", history.calm_until),
    )
    lines = [f"{stop.cause}: {STOPPED[stop.direction]} until {until(stop.until, now)}" for stop in situation.stops]
    lines += [f"{what} until {until(time, now)}" for what, time in timed if time is not None and time > now]
    lines += _growth("replicas", history.replica_growth, now)
    lines += _growth("threads", history.thread_growth, now)
    lines += [line for undo in history.undos for line in _undo(undo, now)]
    lines += _settings(status)
    lines += _restart(situation)
    return lines + _decision(situation)


def _growth(knob: str, growth: Growth, now: datetime) -> list[str]:
    """The running experiment, and the freeze that an earlier one led to."""
    lines = []
    if growth.experiment is not None:
        tried = growth.experiment
        lines.append(
            f"{knob} {tried.from_value} → {tried.to_value} of {since(tried.time, now)} is judged once a whole window "
            "was seen with every pod ready: what brings no more is taken back"
        )
    if growth.frozen_until is not None and growth.frozen_until > now:
        end = until(growth.frozen_until, now)
        lines.append(f"{knob}: more than {growth.cap} brought nothing, and is not tried before {end}")
    return lines


def _undo(undo: Undo, now: datetime) -> list[str]:
    """The move whose effect is watched, and what is not tried again yet."""
    lines = []
    if (move := undo.watch) is not None:
        seen = number_of(move.watched_seconds) or 0.0
        lines.append(
            f"{undo.knob} {move.from_value} → {move.to_value} of {since(move.time, now)} is watched: {seen:.0f} of "
            f"{WINDOW_SECONDS:.0f} s with as much load seen; it goes back if it makes things worse"
        )
    if (back := undo.taken_back) is not None and back.until > now:
        lines.append(f"{undo.knob} went back, {back.evidence}: not tried again before {until(back.until, now)}")
    return lines


def _settings(status: FastAPITuningStatus) -> list[str]:
    live = status.live
    if live.generation == 0 or live.acknowledged_pods >= live.agent_pods:
        return []
    return [f"{live.acknowledged_pods} of {live.agent_pods} pods say that they run with the newest settings"]


def _restart(situation: Situation) -> list[str]:
    """Rollouts of ours keep their distance."""
    last = situation.history.last_rollout_time
    if last is None:
        return []
    earliest = last + timedelta(seconds=situation.spec.apply.min_rollout_interval_seconds)
    return [f"no restart of ours before {until(earliest, situation.now)}"] if earliest > situation.now else []


def _decision(situation: Situation) -> list[str]:
    last, spec = situation.history.last_observation_time, situation.spec
    if last is None or spec.mode is Mode.OFF:
        return []
    following = last + timedelta(seconds=spec.interval_seconds)
    if following <= situation.now:
        return [f"the next decision is due (every {spec.interval_seconds} s; the status is written every 30 s at most)"]
    return [f"the next decision {until(following, situation.now)}"]
