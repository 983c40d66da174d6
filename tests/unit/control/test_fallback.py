"""While nothing is known: the replicas that the spec asks for at least, and never one less than there are."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.fallback import Fallback
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import FastAPITuningSpec
from fastapi_tuning.api.status import DatabaseShare, History
from fastapi_tuning.control.cycle import Outcome, tune
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.ledger import history_after
from fastapi_tuning.control.observation import NoData, NoTraffic, Observation, Unschedulable, Workload
from tests.unit.control.builders import NO_DATA, NOW, foreign_owner, history, spec, surroundings, traffic, workload
from tests.unit.control.test_properties import around, histories, specs, workloads

SIX_AFTER_THREE = {"min_replicas": 6, "after_missed_cycles": 3}


def falling_back(**fields: Any) -> FastAPITuningSpec:
    return spec(fallback=SIX_AFTER_THREE, **fields)


def blind(
    wish: FastAPITuningSpec, target: Workload, cycles: int = 3, past: History | None = None
) -> tuple[Workload, list[Outcome]]:
    """Cycles without data, each with the replicas that the one before asked for, none of which becomes ready."""
    past, outcomes = past or history(), []
    for cycle in range(cycles):
        seen = Observation(time=NOW + timedelta(seconds=15 * cycle), workload=target, signals=NO_DATA)
        outcome = tune(wish, seen, past, surroundings())
        past = history_after(outcome.history, seen, None, outcome.moves)
        target = replace(target, desired_replicas=outcome.moves.get(Knob.REPLICAS, target.desired_replicas))
        outcomes.append(outcome)
    return target, outcomes


def test_without_a_fallback_nothing_moves_and_nothing_is_counted() -> None:
    target, outcomes = blind(spec(), workload(), cycles=50)

    assert target.desired_replicas == 2
    assert {outcome.history for outcome in outcomes[1:]} == {history(replicas_left=2)}


def test_the_fallback_waits_for_as_many_missed_cycles_as_the_spec_says() -> None:
    _, outcomes = blind(falling_back(), workload(), cycles=3)

    assert [outcome.moves for outcome in outcomes] == [{}, {}, {Knob.REPLICAS: 6}]
    assert outcomes[-1].verdicts[0].proposal.reason is Reason.FALLBACK


def test_one_cycle_with_data_begins_the_count_anew() -> None:
    missed = history(missed_cycles=2)
    for signals in (traffic(), NoTraffic(source=traffic().source, scraped_pods=2)):
        seen = tune(falling_back(), Observation(time=NOW, workload=workload(), signals=signals), missed, surroundings())

        assert seen.history.missed_cycles == 0


def test_a_long_outage_stops_changing_the_memory() -> None:
    _, outcomes = blind(falling_back(), workload(desired_replicas=6), cycles=20)

    assert {outcome.history.missed_cycles for outcome in outcomes[2:]} == {3}


def test_the_fallback_is_reached_at_the_pace_of_scale_up() -> None:
    wish = spec(fallback={"min_replicas": 20, "after_missed_cycles": 1})
    _, outcomes = blind(wish, workload(desired_replicas=4), cycles=4)

    assert [outcome.moves.get(Knob.REPLICAS) for outcome in outcomes] == [8, 16, 20, None]


def test_more_than_the_fallback_stays() -> None:
    target, outcomes = blind(falling_back(), workload(desired_replicas=9), cycles=10)

    assert target.desired_replicas == 9
    assert all(outcome.verdicts == () for outcome in outcomes)


def test_pods_that_run_well_while_fewer_are_asked_for_are_kept() -> None:
    target, _ = blind(falling_back(replicas={"min": 1, "max": 20}), workload(desired_replicas=4, ready_replicas=8))

    assert target.desired_replicas == 8


def test_a_workload_that_was_scaled_to_nothing_stays_there() -> None:
    assert blind(falling_back(), workload(desired_replicas=0))[0].desired_replicas == 0


@pytest.mark.parametrize(
    ("fields", "changes", "reason"),
    [
        pytest.param({"mode": "Recommend"}, {}, Reason.MODE_RECOMMEND, id="recommend"),
        pytest.param({"suspend": True}, {}, Reason.SUSPENDED, id="suspended"),
        pytest.param({}, {"foreign_owners": (foreign_owner(),)}, Reason.ANOTHER_AUTOSCALER, id="another autoscaler"),
        pytest.param({}, {"unschedulable": Unschedulable(pods=1, message="")}, Reason.UNSCHEDULABLE, id="no node"),
    ],
)
def test_whoever_may_not_move_replicas_does_not_fall_back_either(
    fields: dict[str, Any], changes: dict[str, Any], reason: Reason
) -> None:
    target, outcomes = blind(falling_back(**fields), workload(**changes))

    assert target.desired_replicas == 2
    assert outcomes[-1].verdicts[0].guards[-1].reason is reason


def test_the_fallback_takes_no_connections_that_the_database_does_not_have() -> None:
    share = DatabaseShare(
        name="orders",
        cap_pods=3,
        fair_pods=3,
        wanted_pods=2,
        held_pods=2,
        budget_connections=30,
        used_connections=20,
    )
    seen = Observation(time=NOW, workload=workload(), signals=NO_DATA)
    outcome = tune(falling_back(), seen, history(missed_cycles=2), surroundings(database=share))

    assert outcome.moves == {Knob.REPLICAS: 3}


reasons = st.sampled_from(
    [Reason.PROMETHEUS_UNREACHABLE, Reason.NOT_SCRAPED, Reason.UNUSABLE_SAMPLES, Reason.SOURCE_UNKNOWN]
)
fallbacks = st.builds(Fallback, min_replicas=st.integers(1, 60), after_missed_cycles=st.integers(1, 5))


@given(specs(), st.none() | fallbacks, workloads(), histories(), st.integers(0, 9), around, reasons)
def test_lost_data_never_takes_a_pod_away_nor_asks_for_more_than_the_spec_allows(
    wish: FastAPITuningSpec,
    fallback: Fallback | None,
    target: Workload,
    past: History,
    missed: int,
    beside: Any,
    reason: Reason,
) -> None:
    wish = wish.model_copy(update={"fallback": fallback})
    past = past.model_copy(update={"missed_cycles": missed})
    lost = Observation(time=NOW, workload=target, signals=NoData(reason=reason, message="lost"))

    outcome = tune(wish, lost, past, beside)

    replicas = outcome.moves.get(Knob.REPLICAS, target.desired_replicas)
    assert outcome.moves.keys() <= {Knob.REPLICAS}
    assert replicas >= target.desired_replicas
    assert replicas == target.desired_replicas or replicas <= wish.replicas.max
    assert fallback is not None or (outcome.moves == {} and outcome.history == past)
