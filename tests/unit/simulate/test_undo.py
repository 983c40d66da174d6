"""Moves that hurt are taken back in the simulator, those that do not are not, and a run without one is the same run."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import History
from fastapi_tuning.api.undo import TakenBack, Undo
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.observation import Observation
from fastapi_tuning.simulate import shapes
from fastapi_tuning.simulate.app import AppModel, Database, Endpoint
from fastapi_tuning.simulate.run import Start, run
from fastapi_tuning.simulate.scaler import FloatArray, Run
from fastapi_tuning.simulate.service_times import Exponential, Lognormal
from fastapi_tuning.simulate.tuned import Tuned
from tests.unit.control.builders import NO_DATA, spec

ONLY_REPLICAS = spec(
    replicas={"min": 1, "max": 10}, thread_pool={"mode": "Off"}, uvicorn={"limit_concurrency": {"mode": "Off"}}
)
HIDDEN_LIMIT = AppModel(
    endpoints=(Endpoint(cpu=Exponential(mean_seconds=0.002), query=Lognormal(median_seconds=0.185, sigma=0.3)),),
    database=Database(servers=1000),
    database_pool=15,
)
"""Threads and CPU would carry 140 requests/s a pod; its 15 connections, which nobody sees here, carry 75."""
BEARABLE, HALF_AS_MUCH_AGAIN = 90.0, 135.0


def play(scaler: Tuned, app: AppModel, rates: FloatArray, *, seed: int = 1) -> Run:
    return run(
        app=app,
        rates=rates,
        scaler=scaler,
        start=Start(replicas=2),
        objective_seconds=0.5,
        seed=seed,
    )


def undos(scaler: Tuned) -> list[tuple[float, Undo]]:
    return [(second, each) for second, outcome in scaler.outcomes for each in outcome.history.undos]


def taken_back(scaler: Tuned) -> list[tuple[float, TakenBack]]:
    """When each was found to have hurt, and what it was."""
    found = {each.taken_back: second for second, each in reversed(undos(scaler)) if each.taken_back is not None}
    return sorted((second, back) for back, second in found.items())


def first_move(result: Run) -> float:
    return result.commands[0][0]


def without_undo(history: History) -> History:
    return history.model_copy(update={"undos": ()})


def test_a_pod_too_few_comes_back_in_the_first_minute_and_stays_for_the_back_off() -> None:
    scaler = Tuned(spec=ONLY_REPLICAS)
    result = play(scaler, HIDDEN_LIMIT, np.full(900, BEARABLE))

    assert [command.replicas for _, command in result.commands] == [1, 2]
    (down, _), (up, _) = result.commands
    assert up - down <= 75
    ((second, back),) = taken_back(scaler)
    assert (second, back.from_value, back.to_value) == (up, 2, 1)
    verdicts = next(outcome.verdicts for each, outcome in scaler.outcomes if each == up)
    assert verdicts[0].proposal.reason is Reason.UNDONE
    assert result.pods_ready[int(up) + 60 :].min() == 2


def test_that_is_sooner_than_the_law_would_add_a_pod_without_it() -> None:
    bad = []
    for remembers in (lambda history: history, without_undo):
        result = play(Tuned(spec=ONLY_REPLICAS, remembers=remembers), HIDDEN_LIMIT, np.full(600, BEARABLE))
        bad.append((result.offered - result.good).sum())

    assert bad[0] < 0.8 * bad[1]


def test_more_load_at_the_same_time_explains_it_and_nothing_is_undone() -> None:
    calm = play(Tuned(spec=ONLY_REPLICAS), HIDDEN_LIMIT, np.full(200, BEARABLE))
    rates = np.full(700, BEARABLE)
    rates[int(first_move(calm)) + 5 :] = HALF_AS_MUCH_AGAIN
    scaler = Tuned(spec=ONLY_REPLICAS)
    result = play(scaler, HIDDEN_LIMIT, rates)

    assert first_move(result) == first_move(calm)
    assert result.late.sum() > 1000, "it got worse"
    assert taken_back(scaler) == []


def blind_between(first: float, end: float) -> Callable[[Observation], Observation]:
    """Prometheus is away for a while."""

    def observed(observation: Observation) -> Observation:
        second = observation.time.hour * 3600 + observation.time.minute * 60 + observation.time.second
        return replace(observation, signals=NO_DATA) if first <= second < end else observation

    return observed


def test_metrics_that_are_missing_in_the_window_make_it_longer_and_are_no_success() -> None:
    harmless = np.full(1200, 40.0)
    seen, blind = Tuned(spec=ONLY_REPLICAS), Tuned(spec=ONLY_REPLICAS, observes=blind_between(200, 440))
    down = {first_move(play(scaler, HIDDEN_LIMIT, harmless)) for scaler in (seen, blind)}

    def kept_at(scaler: Tuned) -> float:
        return 15 + max(second for second, each in undos(scaler) if each.watch is not None)

    assert len(down) == 1
    assert taken_back(seen) == taken_back(blind) == []
    assert kept_at(seen) - down.pop() >= 45 + 300
    assert kept_at(blind) - kept_at(seen) >= 180


def test_what_went_wrong_while_nobody_saw_it_is_undone_as_soon_as_it_is_seen() -> None:
    scaler = Tuned(spec=ONLY_REPLICAS, observes=blind_between(140, 400))
    result = play(scaler, HIDDEN_LIMIT, np.full(700, BEARABLE))

    assert first_move(result) < 140
    ((second, _),) = taken_back(scaler)
    assert 400 <= second <= 520
    assert result.pods_ready[-1] >= 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_in_which_nothing_got_worse_is_the_same_with_and_without_it(seed: int) -> None:
    app = AppModel(
        endpoints=(Endpoint(cpu=Exponential(mean_seconds=0.005), wait=Lognormal(median_seconds=0.2, sigma=0.3)),)
    )
    rates = shapes.night_to_morning(1800, 60.0, np.random.default_rng(seed))
    scalers = [Tuned(spec=spec(), remembers=remembers) for remembers in (lambda history: history, without_undo)]
    with_it, without_it = (play(scaler, app, rates, seed=seed) for scaler in scalers)

    assert taken_back(scalers[0]) == []
    assert any(each.watch is not None for _, each in undos(scalers[0])), "moves were watched"
    assert with_it.commands == without_it.commands
    assert np.array_equal(with_it.latency_seconds, without_it.latency_seconds, equal_nan=True)


def test_only_what_is_watched_is_remembered_of_a_knob() -> None:
    scaler = Tuned(spec=ONLY_REPLICAS)
    play(scaler, HIDDEN_LIMIT, np.full(300, BEARABLE))

    assert {each.knob for _, each in undos(scaler)} == {Knob.REPLICAS}
