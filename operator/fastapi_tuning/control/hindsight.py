"""A clock that was set back leaves a memory of what is yet to come: here it is brought back to now. Pure."""

from datetime import datetime, timedelta

from fastapi_tuning.api.conflicts import ForeignMove
from fastapi_tuning.api.status import Growth, History, Sample
from fastapi_tuning.api.undo import Undo
from fastapi_tuning.control.memory import PANIC
from fastapi_tuning.control.oscillation import CALM


def hindsight(history: History, now: datetime) -> History:
    """The history with nothing in it later than now.

    Otherwise every wait would last until the clock has caught up. What holds moves back (needs, times of moves, ends of
    waits) counts as of now, and so holds its full length once more; what was measured in a time that is none is
    dropped. The watch begins anew.
    """
    if not _is_ahead(history, now):
        return history
    learned = history.learned
    return history.model_copy(
        update={
            "observed_since": None,
            "last_observation_time": None,
            "settled_since": None,
            "needs": tuple(each.model_copy(update={"time": min(each.time, now)}) for each in history.needs),
            "loads": _past(history.loads, now),
            "evidence": tuple(slot for slot in history.evidence if slot.time <= now),
            "foreign_move": _foreign_move(history.foreign_move, now),
            "replica_moves": tuple(move for move in history.replica_moves if move.time <= now),
            **{name: _at_most(getattr(history, name), now) for name in _MOVES},
            "panic_until": _at_most(history.panic_until, now + PANIC),
            "calm_until": _at_most(history.calm_until, now + CALM),
            "replica_growth": _growth(history.replica_growth, now),
            "thread_growth": _growth(history.thread_growth, now),
            "undos": tuple(_undo(undo, now) for undo in history.undos),
            "learned": learned.model_copy(
                update={
                    "service_samples": _past(learned.service_samples, now),
                    "service_tail_samples": _past(learned.service_tail_samples, now),
                    "cpu_samples": _past(learned.cpu_samples, now),
                    "trust_time": _at_most(learned.trust_time, now),
                }
            ),
            "factor": history.factor.model_copy(update={"since": _at_most(history.factor.since, now)}),
        }
    )


_MOVES = ("last_scale_up_time", "last_scale_down_time", "last_rollout_time", "last_setting_time")
_TOLERANCE = timedelta(seconds=1)
"""The status holds whole seconds in some places, and clocks are nudged."""


def _is_ahead(history: History, now: datetime) -> bool:
    """Every other time was written down no later than one of these."""
    times = (history.last_observation_time, *(getattr(history, name) for name in _MOVES))
    return any(time is not None and time > now + _TOLERANCE for time in times)


def _at_most(time: datetime | None, latest: datetime) -> datetime | None:
    return None if time is None else min(time, latest)


def _past(samples: tuple[Sample, ...], now: datetime) -> tuple[Sample, ...]:
    return tuple(sample for sample in samples if sample.time <= now)


def _foreign_move(move: ForeignMove | None, now: datetime) -> ForeignMove | None:
    return None if move is None else move.model_copy(update={"time": min(move.time, now)})


def _growth(growth: Growth, now: datetime) -> Growth:
    """An experiment that begins in the future is none; a freeze lasts its own length once more at most."""
    begun = growth.experiment is not None and growth.experiment.time <= now
    return growth.model_copy(
        update={
            "experiment": growth.experiment if begun else None,
            "frozen_until": _at_most(growth.frozen_until, now + timedelta(seconds=growth.backoff_seconds)),
        }
    )


def _undo(undo: Undo, now: datetime) -> Undo:
    """What was counted in a time that is none is dropped; a move that is held back is so for its own length at most."""
    back = undo.taken_back
    if back is not None:
        until = min(back.until, now + timedelta(seconds=undo.backoff_seconds))
        back = back.model_copy(update={"time": min(back.time, now), "until": until})
    return undo.model_copy(update={"watch": None, "taken_back": back})
