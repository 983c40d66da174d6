"""What made it worse is not tried again before its time, and less of it may be."""

from datetime import timedelta
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.guards.undo import undone
from fastapi_tuning.control.guards.verdict import Clamp, Context, Hold
from fastapi_tuning.control.knobs import Knob
from tests.unit.control.builders import NOW, context, estimate, history, proposal
from tests.unit.control.guards.answers import reason, value
from tests.unit.control.undos import taken_back, undo


def held(now_seconds: int = 0, load: float = 100.0, knob: Knob = Knob.REPLICAS, **fields: Any) -> Context:
    """Something was taken back a moment ago; ten minutes."""
    return context(
        now=NOW + timedelta(seconds=now_seconds),
        history=history(undos=(undo(knob, taken_back=taken_back(**fields), backoff_seconds=600),)),
        estimate=estimate(offered_per_second=load),
    )


def test_no_fewer_than_went_well_until_the_back_off_is_over() -> None:
    assert value(undone(proposal(5, 3), held())) == 5
    assert reason(undone(proposal(5, 3), held())) is Reason.UNDONE
    assert value(undone(proposal(9, 3), held())) == 5
    assert undone(proposal(5, 3), held(now_seconds=600)) is None


def test_fewer_may_carry_less_load() -> None:
    assert value(undone(proposal(5, 1), held(load=60.0))) == 3
    assert value(undone(proposal(5, 3), held(load=95.0))) == 5, "a tenth is no less load"
    assert value(undone(proposal(2, 1), held(load=60.0))) == 2, "fewer already, and not yet back"


def test_the_other_direction_and_other_knobs_are_free() -> None:
    assert undone(proposal(5, 9), held()) is None
    assert undone(proposal(4, 5), held()) is None
    assert undone(proposal(40, 20, knob=Knob.THREADS), held()) is None


@pytest.mark.parametrize(("wanted", "answered"), [(80, 40), (30, None)])
def test_no_more_threads_than_went_well(wanted: int, answered: int | None) -> None:
    more = held(knob=Knob.THREADS, from_value=40, to_value=60)
    found: Clamp | Hold | None = undone(proposal(40, wanted, knob=Knob.THREADS), more)

    assert (None if found is None else value(found)) == answered


def test_without_requests_nobody_is_harmed_and_what_is_not_known_is_not_held() -> None:
    silent = context(history=held().history, estimate=None)

    assert undone(proposal(5, 1), silent) is None
    assert undone(proposal(None, 1), held()) is None
