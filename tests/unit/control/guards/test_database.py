"""Connections of a database that several objects share: what goes up, what waits, what is given back."""

from dataclasses import replace
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.guards.chains import REPLICA_CHAIN, TAKE_BACK_CHAIN, chain_for
from fastapi_tuning.control.guards.database import (
    database_budget,
    room_to_restart,
    share_after,
    to_fair_share,
)
from fastapi_tuning.control.guards.verdict import Clamp, Hold, Verdict, judge
from fastapi_tuning.control.knobs import Knob
from tests.unit.control.builders import NOW, ago, context, observation, proposal, spec, workload
from tests.unit.control.claims import share
from tests.unit.control.guards.answers import reason, value


def test_pods_go_up_only_into_connections_that_are_free() -> None:
    answer = database_budget(proposal(2, 6), context(database=share()))

    assert value(answer) == 3
    assert reason(answer) is Reason.DATABASE_BUDGET
    assert answer is not None
    assert "90 of 97 connections of main" in answer.message
    assert "shop/basket, shop/checkout" in answer.message


@pytest.mark.parametrize("wanted", [3, 2, 1])
def test_what_fits_and_what_goes_down_passes(wanted: int) -> None:
    assert database_budget(proposal(2, wanted), context(database=share())) is None


def test_nothing_goes_down_since_others_hold_too_much() -> None:
    assert value(database_budget(proposal(5, 6), context(database=share(cap_pods=3)))) == 5


def test_without_a_database_in_the_spec_there_is_no_such_limit() -> None:
    assert database_budget(proposal(2, 20), context()) is None
    assert room_to_restart(proposal(40, 60, knob=Knob.THREADS), context()) is None


def test_a_restart_waits_for_room_for_the_pods_it_has_besides() -> None:
    full = context(database=share(restart_fits=False))
    threads = proposal(40, 60, knob=Knob.THREADS)

    assert reason(room_to_restart(threads, full)) is Reason.DATABASE_BUDGET
    assert room_to_restart(replace(threads, wanted=40), full) is None
    assert room_to_restart(threads, context(database=share())) is None


@pytest.mark.parametrize("since", [None, ago(119)])
def test_more_than_the_share_is_kept_until_a_whole_window_stood(since: Any) -> None:
    wish = proposal(6, 8)

    assert to_fair_share(wish, share(beyond_share_since=since), spec(), NOW) is wish
    assert to_fair_share(wish, None, spec(), NOW) is wish


def test_more_than_the_share_goes_back_pod_by_pod_whatever_the_load_says() -> None:
    beyond = share(fair_pods=4, beyond_share_since=ago(120))
    given = to_fair_share(proposal(6, 8), beyond, spec(), NOW)
    six = context(database=beyond, observation=observation(workload=workload(desired_replicas=6, ready_replicas=2)))

    assert (given.wanted, given.reason) == (4, Reason.DATABASE_SHARE)
    assert chain_for(given, workload()) is TAKE_BACK_CHAIN
    assert judge(given, six, TAKE_BACK_CHAIN).value == 5


def verdict(wished: int, *guards: Clamp | Hold, moved_to: int | None = None) -> Verdict:
    return Verdict(proposal=proposal(2, wished), wished=wished, value=moved_to, guards=guards)


def clamp(to: int, why: Reason) -> Clamp:
    return Clamp(value=to, reason=why, message="")


def hold(why: Reason) -> Hold:
    return Hold(reason=why, message="")


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (9, verdict(9, clamp(3, Reason.DATABASE_BUDGET))),
        (9, verdict(9, clamp(4, Reason.STEP_LIMITED))),
        (9, verdict(9, hold(Reason.RATE_LIMITED))),
        (5, verdict(9, clamp(5, Reason.AT_MAXIMUM), clamp(3, Reason.DATABASE_BUDGET))),
        (5, verdict(9, clamp(5, Reason.DOWNSTREAM_LIMITS))),
        (2, verdict(9, hold(Reason.ROLLOUT_IN_PROGRESS))),
        (2, verdict(9, hold(Reason.SUSPENDED))),
    ],
)
def test_others_wait_for_what_would_be_taken_and_not_for_a_wish_that_something_else_holds(
    wanted: int, told: Verdict
) -> None:
    after = share_after(share(), told, 2)

    assert after is not None
    assert after.wanted_pods == wanted


def test_without_a_decision_what_is_there_is_what_is_wanted() -> None:
    after = share_after(share(wanted_pods=9), None, 2)

    assert after is not None
    assert after.wanted_pods == 2
    assert share_after(None, None, 2) is None


def test_no_restart_goes_with_new_pods_into_the_same_connections() -> None:
    grown, same = (share_after(share(), verdict(3, moved_to=to), 2) for to in (3, None))

    assert grown is not None
    assert same is not None
    assert (grown.restart_fits, same.restart_fits) == (False, True)


def test_what_is_only_recommended_keeps_to_the_budget_too() -> None:
    said = judge(proposal(2, 6), context(mode=spec(mode="Recommend").mode, database=share()), REPLICA_CHAIN)

    assert said.value is None
    assert said.proposal.wanted == 3
