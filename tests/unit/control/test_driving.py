"""From a wish for pods to the bounds of an autoscaler: what is needed is kept, and what is capped is not exceeded."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.status import Settings
from fastapi_tuning.api.via import DrivenAutoscaler, ReplicasVia
from fastapi_tuning.control.autoscaler import Autoscaler, driven_after, users_ceiling
from fastapi_tuning.control.driving import Driven, bounds_judged
from fastapi_tuning.control.guards.autoscaler import owned_ceiling
from fastapi_tuning.control.guards.chains import BOUND_CHAIN, REPLICA_CHAIN, TAKE_BACK_CHAIN, chain_for
from fastapi_tuning.control.guards.permission import bounds
from fastapi_tuning.control.guards.verdict import Clamp, Context, Hold, Verdict, judge
from fastapi_tuning.control.knobs import Knob, Proposal
from fastapi_tuning.control.ledger import history_after, scaling_of
from tests.unit.control.builders import MISSED, autoscaler, context, history, observation, proposal, spec, workload

WISH = spec(replicas={"min": 2, "max": 10})


def driven(target: Autoscaler, pods: int, **changes: Any) -> Driven:
    plain = Driven(
        autoscaler=target, pods=pods, users_ceiling=target.ceiling, growth_cap=None, counts_connections=False
    )
    return replace(plain, **changes)


def permitted(each: Proposal) -> Verdict:
    """What the spec's bounds make of it, and nobody has anything against it."""
    return judge(each, context(spec=WISH), (bounds,))


def held(each: Proposal) -> Verdict:
    """Everything that moves pods is held; what needs permission only is not."""

    def evidence(each: Proposal, _: Context) -> Hold | None:
        moves = each.reason is not Reason.BOUND_OF_AUTOSCALER and each.wanted != each.current
        return Hold(reason=Reason.AWAITING_EFFECT, message="not now") if moves else None

    return judge(each, context(spec=WISH), (bounds, evidence))


def moved(wanted: int, there: Driven, judged: Any = permitted, reason: Reason = Reason.DEMAND_ROSE) -> tuple[int, int]:
    """The bounds afterwards."""
    wish = proposal(current=there.pods, wanted=wanted, reason=reason)
    floor, ceiling = bounds_judged(wish, there, WISH, judged)
    assert (floor.proposal.knob, ceiling.proposal.knob) == (Knob.REPLICAS, Knob.CEILING)
    before = there.autoscaler
    return (
        before.floor if floor.value is None else floor.value,
        before.ceiling if ceiling.value is None else ceiling.value,
    )


def test_the_minimum_is_what_is_needed_and_the_autoscaler_may_add() -> None:
    assert moved(6, driven(autoscaler(2, 10), pods=3)) == (6, 10)


def test_a_need_that_rises_is_a_step_from_the_pods_there_are_and_one_that_falls_from_the_minimum() -> None:
    (up, _) = bounds_judged(proposal(3, 6), driven(autoscaler(2, 10), pods=3), WISH, permitted)
    (down, _) = bounds_judged(proposal(8, 3), driven(autoscaler(5, 10), pods=8), WISH, permitted)

    assert (up.proposal.current, up.value) == (3, 6)
    assert (down.proposal.current, down.value) == (5, 3)


def test_what_was_asked_for_already_is_not_asked_for_again_while_the_pods_are_to_come() -> None:
    floor, ceiling = bounds_judged(proposal(3, 6), driven(autoscaler(6, 10), pods=3), WISH, permitted)

    assert (floor.value, ceiling.value) == (None, None)


def test_pods_of_the_autoscaler_s_own_are_kept_as_far_as_they_are_needed_and_are_no_step() -> None:
    (floor, _) = bounds_judged(proposal(8, 6), driven(autoscaler(2, 10), pods=8), WISH, held)

    assert (floor.proposal.reason, floor.value) == (Reason.BOUND_OF_AUTOSCALER, 6)


def test_where_more_pods_are_held_back_those_that_are_there_are_kept_all_the_same() -> None:
    (floor, _) = bounds_judged(proposal(5, 9), driven(autoscaler(2, 10), pods=5), WISH, held)

    assert (floor.value, floor.wished) == (5, 9)
    assert [each.reason for each in floor.guards] == [Reason.AWAITING_EFFECT]


def test_a_minimum_that_may_not_fall_stays() -> None:
    assert moved(2, driven(autoscaler(5, 10), pods=8), held) == (5, 10)


def test_what_nobody_permits_is_not_moved_and_says_so_once() -> None:
    def forbidden(each: Proposal) -> Verdict:
        suspended = Hold(reason=Reason.SUSPENDED, message="")
        return judge(each, context(spec=WISH), (lambda *_: suspended,))

    floor, ceiling = bounds_judged(proposal(5, 9), driven(autoscaler(2, 20), pods=5), WISH, forbidden)

    assert (floor.value, ceiling.value) == (None, None)
    assert [each.reason for each in floor.guards] == [Reason.SUSPENDED]


def test_the_maximum_rises_with_the_need_and_falls_back_to_what_the_user_allowed() -> None:
    there = driven(autoscaler(2, 4), pods=4)
    assert moved(7, there) == (7, 7)

    later = driven(autoscaler(7, 7), pods=7, users_ceiling=4)
    assert moved(5, later) == (5, 5)
    assert moved(3, later) == (3, 4)


def test_the_autoscaler_goes_no_further_than_the_spec_lets_us() -> None:
    assert moved(3, driven(autoscaler(2, 50), pods=3)) == (3, 10)
    assert moved(99, driven(autoscaler(2, 50), pods=3)) == (10, 10)


def test_the_autoscaler_grows_no_further_where_more_pods_brought_nothing() -> None:
    assert moved(3, driven(autoscaler(2, 10), pods=3, growth_cap=6)) == (3, 6)


def test_pods_above_a_cap_go_as_moves_of_replicas_do_and_until_then_none_comes() -> None:
    there = driven(autoscaler(2, 10), pods=8, growth_cap=6)
    assert moved(6, there, reason=Reason.DOWNSTREAM_LIMITS) == (6, 6)
    assert moved(6, there, held, reason=Reason.DOWNSTREAM_LIMITS) == (6, 8)


def test_pods_that_are_another_s_share_of_a_database_go_and_none_is_added_that_takes_connections() -> None:
    there = driven(autoscaler(2, 10), pods=8, counts_connections=True)
    assert moved(3, there) == (3, 8)
    assert moved(5, there, reason=Reason.DATABASE_SHARE) == (5, 5)


@pytest.mark.parametrize("reason", [Reason.DOWNSTREAM_LIMITS, Reason.AT_MAXIMUM])
def test_each_move_has_the_chain_of_what_it_does(reason: Reason) -> None:
    taking = proposal(8, 6, knob=Knob.CEILING, reason=reason)
    assert chain_for(taking, workload()) is TAKE_BACK_CHAIN
    assert chain_for(replace(taking, reason=Reason.BOUND_OF_AUTOSCALER), workload()) is BOUND_CHAIN
    assert chain_for(proposal(), workload()) is REPLICA_CHAIN


class TestAMaximumThatSomebodyStatesForGood:
    OWNED = workload(autoscaler=autoscaler(2, 5, ceiling_owner="argocd-controller (Apply)"))

    def seen(self, **replicas: Any) -> Context:
        wish = spec(replicas={"min": 1, "max": 20, **replicas})
        return context(observation=observation(workload=self.OWNED), spec=wish)

    def test_is_theirs_and_the_minimum_goes_up_to_there(self) -> None:
        clamped = owned_ceiling(proposal(2, 8), self.seen())
        kept = owned_ceiling(proposal(5, 4, knob=Knob.CEILING), self.seen())

        assert isinstance(clamped, Clamp)
        assert (clamped.value, clamped.reason) == (5, Reason.FIELD_CONFLICT)
        assert isinstance(kept, Hold)
        assert kept.message == (
            "spec.maxReplicas of HorizontalPodAutoscaler checkout is 5, and owned by argocd-controller (Apply)"
        )

    def test_is_in_nobody_s_way_below_it_or_where_it_stays(self) -> None:
        assert owned_ceiling(proposal(2, 5), self.seen()) is None
        assert owned_ceiling(proposal(5, 5, knob=Knob.CEILING), self.seen()) is None
        assert owned_ceiling(proposal(2, 8), context()) is None

    def test_is_taken_where_the_user_says_so(self) -> None:
        assert owned_ceiling(proposal(2, 8), self.seen(conflictPolicy="Take")) is None


def record(most: int | None, uid: str = "a") -> DrivenAutoscaler:
    kind = ReplicasVia.HORIZONTAL_POD_AUTOSCALER
    return DrivenAutoscaler(kind=kind, name="checkout", uid=uid, min_replicas=1, max_replicas=most)


def test_a_maximum_is_the_user_s_until_we_move_it_and_again_when_somebody_does() -> None:
    assert users_ceiling(autoscaler(2, 9), None, Settings()) == 9
    assert users_ceiling(autoscaler(2, 9), record(5), Settings(max_replicas=9)) == 5
    assert users_ceiling(autoscaler(2, 8), record(5), Settings(max_replicas=9)) == 8
    assert users_ceiling(autoscaler(2, 9), record(5, uid="another"), Settings(max_replicas=9)) == 9
    unstated = autoscaler(2, 9, kind=ReplicasVia.SCALED_OBJECT)
    assert users_ceiling(unstated, record(None), Settings(max_replicas=9)) == 100


def test_bounds_are_written_down_before_the_first_move_of_them() -> None:
    assert driven_after(None, autoscaler(1, 9), Settings(), moved=False) is None
    assert driven_after(None, autoscaler(1, 9), Settings(), moved=True) == record(9)
    assert driven_after(record(9), autoscaler(4, 12), Settings(max_replicas=12), moved=True) == record(9)
    assert driven_after(record(9), autoscaler(4, 7), Settings(max_replicas=12), moved=False) == record(7)
    assert driven_after(record(9), None, Settings(), moved=False) == record(9), "to be given back all the same"
    assert driven_after(record(9), autoscaler(4, 7, uid="b"), Settings(), moved=False) is None


@pytest.mark.parametrize(
    ("moves", "scaling"),
    [
        ({Knob.REPLICAS: 8}, (5, 8)),
        ({Knob.REPLICAS: 4}, None),
        ({Knob.REPLICAS: 2}, (3, 2)),
        ({Knob.CEILING: 9}, None),
        ({Knob.CEILING: 4}, (5, 4)),
        ({Knob.THREADS: 80}, None),
    ],
)
def test_what_moves_no_pod_is_no_step(moves: dict[Knob, int], scaling: tuple[int, int] | None) -> None:
    assert scaling_of(workload(desired_replicas=5, autoscaler=autoscaler(3, 10)), moves) == scaling


def test_a_step_that_no_pod_follows_is_no_experiment() -> None:
    past = history_after(history(), observation(), MISSED, {Knob.REPLICAS: 5})
    assert past.replica_growth.experiment is not None
    target = workload(desired_replicas=5, autoscaler=autoscaler(3, 10))

    after = history_after(past, observation(workload=target), MISSED, {Knob.REPLICAS: 2})

    assert after.replica_growth.experiment is None
    assert after.replicas_left == 2
    assert history_after(past, observation(workload=target), MISSED, {Knob.CEILING: 8}).replicas_left == 3


counts = st.integers(0, 40)


@given(counts, counts, counts, counts, st.none() | counts, st.booleans(), st.sampled_from([permitted, held]))
def test_the_bounds_keep_the_need_and_the_caps_whatever_is_there(
    wanted: int, floor: int, span: int, pods: int, cap: int | None, connections: bool, judged: Any
) -> None:
    there = driven(autoscaler(floor, floor + span), pods, growth_cap=cap, counts_connections=connections)

    least, most = moved(wanted, there, judged)

    assert least <= most
    need = max(WISH.replicas.min, min(wanted, WISH.replicas.max))
    assert least >= min(need, pods), "no pod that is there and needed may go"
    assert judged is held or least == need
    caps = [WISH.replicas.max, *([] if cap is None else [cap])]
    assert most <= max(*caps[:1], least, pods)
    assert most <= max(min(caps), least, min(pods, floor + span)), "no pod comes above a cap"
    assert judged is permitted or most >= min(pods, floor + span), "no pod goes unjudged"
