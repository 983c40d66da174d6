"""Our law in the loop: it moves what it would move in a cluster, and remembers what the operator would remember."""

import pytest

from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.simulate.run import Start
from fastapi_tuning.simulate.service_times import Constant
from fastapi_tuning.simulate.tuned import ThreadChange, Tuned
from tests.unit.control.builders import spec
from tests.unit.simulate.builders import play, threaded

CHECKOUT = spec(replicas={"min": 1, "max": 10})


@pytest.mark.parametrize("thread_change", ThreadChange)
def test_an_overloaded_service_meets_its_objective_after_a_while(thread_change: ThreadChange) -> None:
    """200 requests/s of 250 ms keep 50 threads busy; two pods have 20."""
    result = play(
        threaded(Constant(seconds=0.25)),
        200.0,
        600,
        scaler=Tuned(spec=CHECKOUT, thread_change=thread_change),
        start=Start(replicas=2, threads=10),
    )
    assert result.good[:60].sum() < 0.5 * result.offered[:60].sum()
    assert result.good[300:590].sum() >= 0.99 * result.offered[300:590].sum()


def test_a_live_thread_change_replaces_no_pod() -> None:
    fixed = spec(replicas={"min": 2, "max": 2})
    result = play(
        threaded(Constant(seconds=0.25)),
        200.0,
        300,
        scaler=Tuned(spec=fixed, thread_change=ThreadChange.LIVE),
        start=Start(replicas=2, threads=10),
    )
    assert result.pods_created.max() == 2
    assert result.threads[-1] > 10


def test_a_spec_that_only_recommends_moves_nothing() -> None:
    recommending = FastAPITuningSpec.model_validate({"targetRef": {"name": "checkout"}, "mode": "Recommend"})
    scaler = Tuned(spec=recommending)
    result = play(threaded(Constant(seconds=0.25)), 200.0, 120, scaler=scaler, start=Start(threads=10))
    assert result.commands == ()
    assert any(outcome.verdicts for _, outcome in scaler.outcomes)
