"""What is recommended is what a person may set by hand at once, so nothing that a guard holds because it would harm."""

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.cycle import Outcome, tune
from fastapi_tuning.control.guards.verdict import Hold, judge
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.report.status import recommendation_of
from tests.unit.control.builders import context, history, observation, proposal, spec, surroundings


def recommended_threads(reason: Reason, current: int | None = 40) -> int | None:
    """Where a guard holds a pool of that size from 200 for that reason."""
    wish = proposal(current, 200, knob=Knob.THREADS)
    verdict = judge(wish, context(), (lambda *_: Hold(reason=reason, message="told"),))
    whole = tune(spec(), observation(), history(), surroundings())
    outcome = Outcome(estimate=None, verdicts=(verdict,), diagnosis=whole.diagnosis, history=whole.history)
    return recommendation_of(outcome).settings.threads


@pytest.mark.parametrize("reason", [Reason.DATABASE_POOL_SHORT, Reason.CPU_BUSY, Reason.MEMORY_SHORT])
def test_what_would_harm_is_not_recommended(reason: Reason) -> None:
    assert recommended_threads(reason) == 40


@pytest.mark.parametrize("reason", [Reason.MODE_RECOMMEND, Reason.PAUSED, Reason.GAIN_TOO_SMALL])
def test_what_is_only_not_done_is(reason: Reason) -> None:
    assert recommended_threads(reason) == 200


def test_where_nobody_knows_what_is_the_wish_is_all_there_is_to_say() -> None:
    assert recommended_threads(Reason.CPU_BUSY, current=None) == 200
