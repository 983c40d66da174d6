"""Does the law chase its own tail? Then it answers half as strongly and waits twice as long, for an hour."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from fastapi_tuning.api.replica_move import ReplicaMove
from fastapi_tuning.api.status import History

EFFECT_DELAY = timedelta(seconds=45)
"""Dead time: half a scrape period, half the rate window, half a cycle. No judgement of a move before."""
CALM = timedelta(hours=1)
_WINDOW = timedelta(minutes=15)
_REVERSALS = 3


def oscillates(moves: Iterable[ReplicaMove], now: datetime) -> bool:
    """Three changes of direction within 15 minutes."""
    changes = [move.change for move in moves if now - move.time <= _WINDOW]
    return sum(before * after < 0 for before, after in pairwise(changes)) >= _REVERSALS


def is_calm(history: History, now: datetime) -> bool:
    """Whether the hour after an oscillation still runs."""
    return history.calm_until is not None and now < history.calm_until


def effect_delay(history: History, now: datetime) -> timedelta:
    """The dead time, doubled after an oscillation."""
    return 2 * EFFECT_DELAY if is_calm(history, now) else EFFECT_DELAY


def gain(history: History, now: datetime) -> float:
    """Factor on the feedback."""
    return 0.5 if is_calm(history, now) else 1.0
