"""Did a move make it worse? Then it is taken back, and not tried again for a while. Pure.

Before and after are held against each other only where "before" was steady: a move that was made under overload is
watched by the experiments of growth.py instead, which ask whether it brought anything. More pods do no harm that those
do not find either, so of the replicas only steps down are watched. What the spec, memory or a database's budget asks
for is not ours to take back.

A move is regretted when all of this is so:

- at least one dead time has passed since everything settled (none, where requests are refused), every ready pod is
  scraped, and none has just started;
- no more is offered than before (a tenth, and significantly), and neither a slow dependency nor the app's own errors
  explain it: what is seen meanwhile counts neither for nor against the move;
- significantly more is bad than the objective allows, and significantly more than before, by at least as much as the
  objective allows at all.

What was not seen is no success: only five minutes of comparable traffic are, and after an hour without them the watch
ends with nothing learned.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.api.status import History, number_of, text_of
from fastapi_tuning.api.undo import TakenBack, Undo, WatchedMove
from fastapi_tuning.control.burn import Evidence, evidence_since
from fastapi_tuning.control.estimate import Estimate
from fastapi_tuning.control.guards.verdict import Verdict as KnobVerdict
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.significance import rose

WINDOW_SECONDS = 300.0
_PATIENCE = timedelta(hours=1)
_FIRST_BACKOFF_SECONDS, _LONGEST_BACKOFF_SECONDS = 600, 7200
_BEFORE = timedelta(minutes=5)
_MORE_LOAD = 1.1
"""Every estimate of what a pod carries leaves a tenth of it free."""
_LOAD_SECONDS_BEFORE, _LOAD_SECONDS_NOW = 120.0, 30.0
"""What the remembered loads cover, and the shorter window from which offered load is taken."""
_OUR_OWN_IDEA = frozenset(
    (Reason.DEMAND_FELL, Reason.THREADS_BIND, Reason.LIMIT_FROM_OBJECTIVE, Reason.KEEP_ALIVE_FROM_REUSE)
)
NO_LIMIT = 100_000
"""Where there was none before: the largest that the spec allows is nearest to it."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one cycle shows of the moves that are watched."""

    now: datetime
    seconds: float
    """Time since the last cycle; 0 if that is not known."""
    counted: Evidence
    """Requests of those seconds."""
    offered_per_second: float
    steady_since: datetime | None
    """Since when nothing is on its way; None: something is, or not everything is seen."""
    dead_time: timedelta
    behind_the_pods: bool
    """Whether a dependency is all but certain to be what limits."""
    fails_by_itself: bool
    """Whether the app fails, whatever the load."""


@dataclass(frozen=True, slots=True)
class Watching:
    """Nothing is decided yet."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole window was seen, and it did not get worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regressed:
    """It got worse, and nothing else explains it."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Too little could be compared for too long: neither a success nor a failure."""


MoveVerdict = Watching | Kept | Regressed | Unknown


def begun(
    history: History,
    verdicts: Iterable[KnobVerdict],
    done: Mapping[Knob, int],
    estimate: Estimate | None,
    now: datetime,
) -> tuple[Undo, ...]:
    """The state after the moves that were `done`: each is watched from now on, or ends the watch over its knob."""
    moved = {verdict.proposal.knob: verdict for verdict in verdicts if verdict.proposal.knob in done}
    undos = history.undos
    for knob, verdict in moved.items():
        calm = estimate is not None and not estimate.overloaded
        watch = _watch(history, verdict, done[knob], now) if calm and _is_watched(verdict) else None
        undos = _with(undos, _of(undos, knob).model_copy(update={"watch": watch}))
    return tuple(undo for undo in undos if _worth_keeping(undo, now))


def _is_watched(verdict: KnobVerdict) -> bool:
    proposal = verdict.proposal
    return proposal.reason in _OUR_OWN_IDEA and not (proposal.knob is Knob.REPLICAS and proposal.is_up)


def _watch(history: History, verdict: KnobVerdict, value: int, now: datetime) -> WatchedMove:
    before = evidence_since(history.evidence, now - _BEFORE)
    loads = [load for sample in history.loads if (load := number_of(sample.value)) is not None]
    current = verdict.proposal.current
    return WatchedMove(
        time=now,
        from_value=NO_LIMIT if current is None else current,
        to_value=value,
        offered_per_second=text_of(sum(loads) / len(loads)) if loads else "",
        requests_before=text_of(before.requests),
        late_before=text_of(before.late),
        failed_before=text_of(before.failed),
    )


def judged(undos: tuple[Undo, ...], look: Look, objectives: Objectives) -> tuple[Undo, ...]:
    """The state after one more look at every move that is watched."""
    for undo in undos:
        if undo.watch is not None:
            seen = _seen(undo, undo.watch, look)
            undos = _with(undos, _after(undo, seen, verdict_on(seen, objectives, look.now), look.now))
    return tuple(undo for undo in undos if _worth_keeping(undo, look.now))


def _after(undo: Undo, watch: WatchedMove, verdict: MoveVerdict, now: datetime) -> Undo:
    if isinstance(verdict, Regressed):
        return _regretted(undo, watch, verdict.evidence, now)
    if isinstance(verdict, Watching):
        return undo.model_copy(update={"watch": watch})
    backoff = 0 if isinstance(verdict, Kept) else undo.backoff_seconds
    return undo.model_copy(update={"watch": None, "backoff_seconds": backoff})


def _regretted(undo: Undo, watch: WatchedMove, evidence: str, now: datetime) -> Undo:
    backoff = min(_LONGEST_BACKOFF_SECONDS, max(_FIRST_BACKOFF_SECONDS, 2 * undo.backoff_seconds))
    back = TakenBack(
        time=now,
        from_value=watch.from_value,
        to_value=watch.to_value,
        offered_per_second=watch.offered_per_second,
        until=now + timedelta(seconds=backoff),
        evidence=evidence[:256],
    )
    return Undo(knob=undo.knob, taken_back=back, backoff_seconds=backoff)


def _worth_keeping(undo: Undo, now: datetime) -> bool:
    return undo.watch is not None or undo.backoff_seconds > 0 or _in_force(undo, now) is not None


def _seen(undo: Undo, watch: WatchedMove, look: Look) -> WatchedMove:
    """The move with what this cycle adds; nothing, where before and after cannot be compared."""
    if look.steady_since is None or look.steady_since < watch.time or _is_explained(undo, watch, look):
        return watch.model_copy(update={"comparable_since": None})
    since = max(watch.comparable_since or look.now, look.steady_since)
    if look.now - since < look.dead_time:
        return watch.model_copy(update={"comparable_since": since})
    counted = look.counted
    return watch.model_copy(
        update={
            "comparable_since": since,
            "watched_seconds": _sum(watch.watched_seconds, look.seconds),
            "requests": _sum(watch.requests, counted.requests),
            "late": _sum(watch.late, counted.late),
            "failed": _sum(watch.failed, counted.failed),
        }
    )


def _is_explained(undo: Undo, watch: WatchedMove, look: Look) -> bool:
    """More load, or what this move cannot have caused. More threads, or a higher limit, may slow a database."""
    admits_more = undo.knob != Knob.REPLICAS and watch.to_value > watch.from_value
    return look.fails_by_itself or (look.behind_the_pods and not admits_more) or _has_more_load(watch, look)


def _has_more_load(watch: WatchedMove, look: Look) -> bool:
    before, now = number_of(watch.offered_per_second), look.offered_per_second
    if before is None:
        return True
    return now > _MORE_LOAD * before and rose(
        before=before * _LOAD_SECONDS_BEFORE,
        before_total=_LOAD_SECONDS_BEFORE,
        after=now * _LOAD_SECONDS_NOW,
        after_total=_LOAD_SECONDS_NOW,
    )


def verdict_on(watch: WatchedMove, objectives: Objectives, now: datetime) -> MoveVerdict:
    """What the counts say of the move so far."""
    before = _evidence(watch.requests_before, watch.late_before, watch.failed_before)
    after = _evidence(watch.requests, watch.late, watch.failed)
    if _is_worse(before, after, objectives):
        return Regressed(evidence=_told(watch, before, after))
    if (number_of(watch.watched_seconds) or 0.0) >= WINDOW_SECONDS:
        return Kept()
    return Unknown() if now - watch.time >= _PATIENCE else Watching()


def _is_worse(before: Evidence, after: Evidence, objectives: Objectives) -> bool:
    late = _rose_by(before.late, before.requests, after.late, after.requests, 1 - objectives.latency.target_ratio)
    failed = _rose_by(before.failed, before.requests, after.failed, after.requests, objectives.errors.max_ratio)
    return (late or failed) and after.burns(objectives, 1.0)


def _rose_by(before: float, before_total: float, after: float, after_total: float, allowed_ratio: float) -> bool:
    """Significantly, and by at least what is allowed at all."""
    if before_total <= 0 or after_total <= 0 or after / after_total < before / before_total + allowed_ratio:
        return False
    return rose(before=before, before_total=before_total, after=after, after_total=after_total)


def _told(watch: WatchedMove, before: Evidence, after: Evidence) -> str:
    return (
        f"after {watch.from_value} → {watch.to_value} {_shares(after)} of {after.requests:.0f} requests, "
        f"before {_shares(before)} of {before.requests:.0f}"
    )


def _shares(evidence: Evidence) -> str:
    return f"{evidence.late / evidence.requests:.2%} late and {evidence.failed / evidence.requests:.2%} failed"


def _evidence(requests: str, late: str, failed: str) -> Evidence:
    return Evidence(requests=number_of(requests) or 0.0, late=number_of(late) or 0.0, failed=number_of(failed) or 0.0)


def _sum(text: str, more: float) -> str:
    return text_of((number_of(text) or 0.0) + more)


def newly_taken_back(before: tuple[Undo, ...], after: tuple[Undo, ...]) -> tuple[tuple[str, TakenBack], ...]:
    """(knob, what) for each move that was found to have made it worse between the two states."""
    known = {undo.knob: undo.taken_back for undo in before}
    return tuple(
        (undo.knob, undo.taken_back)
        for undo in after
        if undo.taken_back is not None and undo.taken_back != known.get(undo.knob)
    )


def forgotten(undos: tuple[Undo, ...], knob: Knob) -> tuple[Undo, ...]:
    """The state after somebody else moved the knob: what was tried before is not judged, nor held against it."""
    return tuple(undo for undo in undos if undo.knob != knob)


def in_force(undos: Iterable[Undo], knob: str, now: datetime) -> TakenBack | None:
    """The move of the knob that is not to be tried now."""
    return next((back for undo in undos if undo.knob == knob and (back := _in_force(undo, now)) is not None), None)


def _in_force(undo: Undo, now: datetime) -> TakenBack | None:
    back = undo.taken_back
    return back if back is not None and now < back.until else None


def bound_of(back: TakenBack, knob: Knob, load_per_second: float) -> int:
    """The value that is not passed in the direction of what made it worse.

    Replicas for less load than they carried are as many fewer: no pod gets more than went well.
    """
    carried = number_of(back.offered_per_second)
    if knob is not Knob.REPLICAS or not carried or _MORE_LOAD * load_per_second >= carried:
        return back.from_value
    return max(1, math.ceil(back.from_value * load_per_second / carried - _ROUNDING))


def taken_back(proposal: Proposal, undos: Iterable[Undo], load_per_second: float, now: datetime) -> Proposal:
    """The proposal, or back to where it went well."""
    back, current = in_force(undos, proposal.knob, now), proposal.current
    if back is None or current is None:
        return proposal
    bound = bound_of(back, proposal.knob, load_per_second)
    beyond = current < bound if back.was_down else current > bound
    wanted = max(proposal.wanted, bound) if back.was_down else min(proposal.wanted, bound)
    if not beyond or wanted == proposal.wanted:
        return proposal
    return replace(proposal, wanted=wanted, reason=Reason.UNDONE, message=f"{back.evidence}; {proposal.message}")


def _of(undos: tuple[Undo, ...], knob: Knob) -> Undo:
    return next((undo for undo in undos if undo.knob == knob), Undo(knob=knob))


def _with(undos: tuple[Undo, ...], changed: Undo) -> tuple[Undo, ...]:
    others = tuple(undo for undo in undos if undo.knob != changed.knob)
    return tuple(sorted((*others, changed), key=lambda undo: undo.knob))
