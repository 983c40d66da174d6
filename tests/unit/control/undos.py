"""Moves that are watched, or were taken back: complete, and changed only in what a test is about."""

from datetime import timedelta
from typing import Any

from fastapi_tuning.api.undo import TakenBack, Undo, WatchedMove
from fastapi_tuning.control.knobs import Knob
from tests.unit.control.builders import NOW, ago


def watched(**fields: Any) -> WatchedMove:
    """Five pods became four two minutes ago, at 100 requests/s of which almost none was late."""
    plain = {
        "time": ago(120),
        "from_value": 5,
        "to_value": 4,
        "offered_per_second": "100",
        "requests_before": "30000",
        "late_before": "3",
        "failed_before": "0",
    }
    return WatchedMove(**{**plain, **fields})


def taken_back(**fields: Any) -> TakenBack:
    """Five pods became four, which made it worse; for ten minutes from now on it stays at that."""
    plain = {
        "time": NOW,
        "from_value": 5,
        "to_value": 4,
        "offered_per_second": "100",
        "until": NOW + timedelta(minutes=10),
        "evidence": "after 5 → 4 20.00% late",
    }
    return TakenBack(**{**plain, **fields})


def undo(knob: Knob = Knob.REPLICAS, **fields: Any) -> Undo:
    return Undo(knob=knob, **fields)
