"""Who holds which knob: each its own, and the others go on."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from fastapi_tuning.api.conflicts import ForeignMove
from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import Experiment, Growth
from fastapi_tuning.control.conflicts import lasting_owners, owners_in_force, replicas_are_ours
from fastapi_tuning.control.cycle import tune
from fastapi_tuning.control.foreign_owner import SETTINGS, ForeignOwner
from fastapi_tuning.control.knobs import Knob
from fastapi_tuning.control.ledger import history_after
from fastapi_tuning.control.memory import remember_foreign_move
from fastapi_tuning.control.observation import Delivery, Observation, ReplicaMover
from tests.unit.control.builders import (
    NO_DATA,
    NOW,
    ago,
    foreign_owner,
    history,
    observation,
    proposal,
    spec,
    surroundings,
    traffic,
    workload,
)
from tests.unit.control.undos import undo, watched

ARGO = foreign_owner(reason=Reason.FIELD_CONFLICT, owner="argocd-controller (Apply)")
CANARY = foreign_owner(reason=Reason.PROGRESSIVE_DELIVERY, owner="Canary checkout", knobs=(Knob.REPLICAS, *SETTINGS))
VERTICAL = foreign_owner(reason=Reason.VERTICAL_AUTOSCALER, knobs=())
KUBECTL = ReplicaMover(name="kubectl (Update)", deliberate=True)


def seen(*owners: ForeignOwner, delivery: Delivery = Delivery.ROLLOUT) -> Observation:
    return observation(workload=workload(foreign_owners=owners, delivery=delivery))


def test_field_and_owner_are_told_exactly() -> None:
    assert ARGO.told == "spec.replicas is owned by argocd-controller (Apply)"
    assert replace(ARGO, until=NOW).told.endswith("(Apply), until 2026-01-01T12:00:00+00:00")


def test_settings_that_go_live_touch_nobody_s_template() -> None:
    (rolled,) = owners_in_force(spec(), seen(CANARY), history(), None)
    (live,) = owners_in_force(spec(), seen(CANARY, delivery=Delivery.LIVE), history(), None)

    assert Knob.THREADS in rolled.knobs
    assert set(live.knobs) == {Knob.REPLICAS, Knob.WORKERS}


def test_a_knob_that_is_off_is_in_nobody_s_way() -> None:
    off = spec(replicas={"mode": "Off"}, thread_pool={"mode": "Off"}, mode="Auto")

    assert owners_in_force(off, seen(foreign_owner()), history(), None) == ()
    assert {Knob.REPLICAS, Knob.THREADS}.isdisjoint(owners_in_force(off, seen(CANARY), history(), None)[0].knobs)


def test_what_holds_nothing_is_told_all_the_same_where_it_changes_what_pods_carry() -> None:
    assert owners_in_force(spec(), seen(VERTICAL), history(), None) == (VERTICAL,)


def test_an_applied_replica_count_may_be_taken_if_the_user_says_so_and_an_autoscaler_s_may_not() -> None:
    taking = spec(replicas={"min": 1, "max": 20, "conflictPolicy": "Take"})

    assert owners_in_force(spec(), seen(ARGO), history(), None) == (ARGO,)
    assert owners_in_force(taking, seen(ARGO), history(), None) == ()
    assert owners_in_force(taking, seen(foreign_owner()), history(), None) == (foreign_owner(),)


def test_an_older_object_on_the_same_target_holds_everything() -> None:
    (elder,) = owners_in_force(spec(), seen(), history(), "elder")

    assert elder.told == "Deployment checkout is owned by FastAPITuning elder, which is older"
    assert {Knob.REPLICAS, Knob.THREADS} <= set(elder.knobs)


@pytest.mark.parametrize(
    ("owner", "ours"),
    [
        (foreign_owner(), False),
        (foreign_owner(direction=Direction.SCALE_OUT), False),
        (foreign_owner(direction=Direction.SCALE_IN), True),
        (foreign_owner(until=NOW), True),
        (foreign_owner(knobs=SETTINGS), True),
    ],
)
def test_replicas_are_ours_unless_somebody_has_them_for_good(owner: ForeignOwner, ours: bool) -> None:
    assert replicas_are_ours((owner,)) is ours
    assert replicas_are_ours(lasting_owners(spec(), workload(foreign_owners=(owner,)))) is ours


def moved(seconds_ago: float = 0.0) -> ForeignMove:
    return ForeignMove(time=ago(seconds_ago), replicas=7, by=KUBECTL.name)


def test_a_person_s_replicas_are_held_for_one_stabilisation_window_and_no_longer() -> None:
    asked = spec(replicas={"min": 1, "max": 20, "scaleDown": {"stabilizationSeconds": 90}})

    (mover,) = owners_in_force(asked, seen(), history(foreign_move=moved(89)), None)
    assert (mover.reason, mover.knobs) == (Reason.MOVED_BY_OTHERS, (Knob.REPLICAS,))
    assert mover.told == "spec.replicas (7) is owned by kubectl (Update), until 2026-01-01T12:00:01+00:00"
    assert owners_in_force(asked, seen(), history(foreign_move=moved(90)), None) == ()
    off = spec(replicas={"mode": "Off"})
    assert owners_in_force(off, seen(), history(foreign_move=moved()), None) == ()


def test_a_number_that_came_with_a_deployment_keeps_us_from_going_below_and_from_nothing_else() -> None:
    deployed = moved().model_copy(update={"deliberate": False})

    (mover,) = owners_in_force(spec(), seen(), history(foreign_move=deployed), None)

    assert mover.direction is Direction.SCALE_IN
    assert not mover.holds(proposal(7, 9))
    assert mover.holds(proposal(7, 5))


def test_a_rollout_is_told_last() -> None:
    rolling = foreign_owner(reason=Reason.ROLLOUT_IN_PROGRESS, knobs=SETTINGS)

    found = owners_in_force(spec(), seen(rolling, CANARY), history(), "elder")

    assert [each.reason for each in found] == [
        Reason.DUPLICATE_TARGET,
        Reason.PROGRESSIVE_DELIVERY,
        Reason.ROLLOUT_IN_PROGRESS,
    ]


def test_moves_of_an_autoscaler_are_told_as_its_ownership_only() -> None:
    assert owners_in_force(spec(), seen(foreign_owner()), history(foreign_move=moved()), None) == (foreign_owner(),)


def test_another_number_than_was_left_was_set_by_somebody_else() -> None:
    by_hand = observation(workload=workload(desired_replicas=5, replicas_set_by=KUBECTL))
    trying = Growth(experiment=Experiment(time=ago(60), from_value=2, to_value=3, served_per_second="", late_ratio=""))

    beside = (undo(watch=watched()), undo(Knob.THREADS, watch=watched()))

    after = remember_foreign_move(history(replicas_left=3, replica_growth=trying, undos=beside), by_hand)

    assert after.foreign_move == ForeignMove(time=NOW, replicas=5, by=KUBECTL.name)
    assert after.replica_growth.experiment is None, "nobody can tell any more what that brought"
    assert after.undos == beside[1:], "nor whether it hurt"
    assert after.settled_since is None


@pytest.mark.parametrize(
    ("left", "mover"),
    [
        pytest.param(None, KUBECTL, id="first sight"),
        pytest.param(5, KUBECTL, id="as it was left"),
        pytest.param(3, None, id="our own write, whose answer was lost"),
    ],
)
def test_nothing_else_is_a_move_of_somebody_else(left: int | None, mover: ReplicaMover | None) -> None:
    past = history(replicas_left=left)
    unmoved = observation(workload=workload(desired_replicas=5, replicas_set_by=mover))

    assert remember_foreign_move(past, unmoved) is past


def test_every_cycle_notes_what_it_left() -> None:
    three = observation(workload=workload(desired_replicas=3))

    assert history_after(history(), three, None, {}).replicas_left == 3
    assert history_after(history(), three, None, {Knob.REPLICAS: 5}).replicas_left == 5


def test_a_person_s_move_is_noticed_without_data_too() -> None:
    blind = observation(workload=workload(desired_replicas=5, replicas_set_by=KUBECTL), signals=NO_DATA)

    outcome = tune(spec(), blind, history(replicas_left=3), surroundings())

    assert outcome.history.foreign_move is not None
    assert [owner.reason for owner in outcome.owners] == [Reason.MOVED_BY_OTHERS]


def test_after_the_window_the_law_goes_on_from_where_the_person_left_it() -> None:
    """Two pods carry the load; a person made it nine, which then go in steps."""
    asked = spec(replicas={"min": 1, "max": 20, "scaleDown": {"stabilizationSeconds": 60, "periodSeconds": 15}})
    past = history(replicas_left=2)
    counts = []
    replicas = 9
    for seconds in range(0, 300, 15):
        now = NOW + timedelta(seconds=seconds)
        target = workload(desired_replicas=replicas, replicas_set_by=KUBECTL if replicas == 9 else None)
        found = replace(observation(workload=target, signals=traffic(scraped_pods=replicas)), time=now)
        outcome = tune(asked, found, past, surroundings())
        past = history_after(outcome.history, found, outcome.estimate, outcome.moves)
        counts.append(replicas := outcome.moves.get(Knob.REPLICAS, replicas))

    assert counts[:4] == [9, 9, 9, 9], "for a whole window"
    assert counts[-1] < 9
    assert all(after in (before, before - 1) for before, after in pairwise(counts))


def test_nothing_is_learned_while_requests_go_to_two_versions() -> None:
    splitting = foreign_owner(direction=Direction.SCALE_IN, mixes_versions=True)
    busy = observation(workload=workload(foreign_owners=(splitting,)), signals=traffic())

    assert busy.workload.mixes_versions
    before = history()
    after = tune(spec(), busy, before, surroundings()).history
    assert after.learned == before.learned
    assert after.settled_since is None
    assert tune(spec(), observation(), before, surroundings()).history.learned != before.learned
