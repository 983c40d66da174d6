"""Wishes and situations: complete, unremarkable, and changed only in what a test is about."""

from dataclasses import replace
from typing import Any

from fastapi_tuning.api.considered import Consideration
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.explain.awaited import Situation
from tests.unit.control.builders import NOW, history, spec


def wish(**fields: Any) -> Consideration:
    """Four replicas, of which the rule wants two."""
    plain = {"knob": "replicas", "current": 4, "wished": 2, "reason": Reason.DEMAND_FELL, "message": "100 requests/s"}
    return Consideration(**{**plain, **fields})


def situation(**changes: Any) -> Situation:
    return replace(Situation(spec=spec(), history=history(), stops=(), conflicts=(), now=NOW), **changes)
