"""Who may have how many pods of a database that several workloads share."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning.api.status import DatabaseShare
from fastapi_tuning.control.database_budget import Claim, budget_of, fair_replicas, share_of
from fastapi_tuning.control.rolling_update import PodCount, RollingUpdate
from tests.unit.control.builders import NOW, ago
from tests.unit.control.claims import claim

ONE_MORE = RollingUpdate(max_surge=PodCount(pods=1), max_unavailable=PodCount())


def share(first: Claim, *others: Claim, most: int = 20, before: DatabaseShare | None = None) -> DatabaseShare:
    """Of the first one."""
    return share_of(first.owner, (first, *others), name="main", most=most, before=before, now=NOW)


def test_one_alone_may_have_what_fits_and_no_more() -> None:
    assert share(claim(budget_connections=97)).cap_pods == 9
    assert share(claim(budget_connections=97), most=5).cap_pods == 5


def test_pods_that_end_hold_connections_until_they_are_gone() -> None:
    assert share(claim(ending_pods=3)).cap_pods == 7
    assert share(claim(), claim("b", ending_pods=3)).cap_pods == 5


def test_room_for_the_surge_of_a_rollout_is_kept_free() -> None:
    assert share(claim(update=ONE_MORE)).cap_pods == 9
    assert share(claim(update=RollingUpdate())).cap_pods == 8, "8 and a quarter of them"


def test_a_rollout_holds_the_pods_that_end_in_it_too() -> None:
    rolling = claim(update=ONE_MORE, rolling=True)

    assert rolling.pods(2) == 4
    assert replace(rolling, ending_pods=9).pods(2) == 11, "what was seen counts, if it is more"
    assert replace(rolling, update=None).pods(2) == 2, "Recreate ends all of them first"


def test_of_differing_limits_the_smallest_holds_and_that_is_told() -> None:
    two = (claim(budget_connections=100), claim("b", budget_connections=60))

    assert budget_of(two) == 60
    assert share(*two).limits_differ
    assert not share(claim(), claim("b")).limits_differ


def test_a_reserve_above_the_limit_leaves_nothing() -> None:
    assert budget_of([claim(budget_connections=-3)]) == 0


def test_nothing_goes_up_where_pods_exceed_the_budget_already() -> None:
    found = share(claim(replicas=6, wanted=8), claim("b", replicas=6))

    assert found.used_connections == 120
    assert found.cap_pods == 6


def test_a_cap_is_never_below_what_there_is() -> None:
    found = share(claim(replicas=9, wanted=9), claim("b", replicas=1, wanted=9))

    assert found.fair_pods == 5
    assert found.cap_pods == 9


def test_one_below_its_share_waits_until_connections_are_free() -> None:
    waiting = claim("b", replicas=1, wanted=9)

    assert share(waiting, claim(replicas=9, wanted=9)).cap_pods == 1
    assert share(waiting, claim(replicas=7, ending_pods=2, wanted=9)).cap_pods == 1
    assert share(waiting, claim(replicas=7, wanted=9)).cap_pods == 3


def test_shares_are_equal_in_connections_and_not_in_pods() -> None:
    large, small = claim("large", connections_per_pod=20, wanted=99), claim("small", connections_per_pod=5, wanted=99)

    assert fair_replicas([large, small]) == {"large": 2, "small": 12}


def test_what_one_does_not_want_is_the_others() -> None:
    assert fair_replicas([claim("a", wanted=99), claim("b", wanted=3), claim("c", wanted=99)]) == {
        "a": 4,
        "b": 3,
        "c": 3,
    }


def test_minimums_go_first() -> None:
    assert fair_replicas([claim("a", least=8, wanted=99), claim("b", wanted=99)]) == {"a": 8, "b": 2}


def test_what_nobody_can_move_is_counted_and_left_alone() -> None:
    fixed = claim("fixed", replicas=6, wanted=99, movable=False)

    assert fair_replicas([fixed, claim("b", wanted=99)]) == {"fixed": 6, "b": 4}


def test_a_pod_too_large_for_the_rest_does_not_keep_smaller_ones_from_it() -> None:
    large = claim("large", connections_per_pod=60, replicas=1, wanted=2)

    assert fair_replicas([large, claim("small", wanted=99)]) == {"large": 1, "small": 4}


def test_the_last_connection_goes_to_the_one_that_has_it() -> None:
    nine = {"budget_connections": 90, "wanted": 99}

    assert fair_replicas([claim("a", replicas=4, **nine), claim("b", replicas=5, **nine)]) == {"a": 4, "b": 5}


def test_two_that_want_the_last_connection_agree_on_who_gets_it() -> None:
    a, b = (claim(name, replicas=4, wanted=5, budget_connections=90) for name in ("a", "b"))

    assert (share(a, b).cap_pods, share(b, a).cap_pods) == (5, 4)


def test_since_when_more_than_the_share_is_held_is_remembered_for_this_database() -> None:
    greedy, waiting = claim(replicas=8, wanted=9), claim("b", wanted=9)
    first = share(greedy, waiting)
    earlier = first.model_copy(update={"beyond_share_since": ago(60)})

    assert first.beyond_share_since == NOW
    assert share(greedy, waiting, before=earlier).beyond_share_since == NOW - timedelta(seconds=60)
    assert share(greedy, waiting, before=earlier.model_copy(update={"name": "other"})).beyond_share_since == NOW
    assert share(greedy, before=earlier).beyond_share_since is None, "nobody waits"


def test_a_restart_fits_where_the_pods_that_end_in_it_have_connections() -> None:
    seven = claim(replicas=7, update=ONE_MORE)

    assert share(seven, claim("b", replicas=1)).restart_fits
    assert not share(seven, claim("b", replicas=2)).restart_fits
    assert share(replace(seven, update=None), claim("b", replicas=3)).restart_fits, "Recreate needs no room"


def test_no_restart_begins_while_pods_still_end() -> None:
    assert not share(claim(update=ONE_MORE, ending_pods=1)).restart_fits


def test_names_of_the_claimants_are_told_in_order() -> None:
    assert share(claim("b"), claim("a")).claimants == ("a", "b")


updates = st.none() | st.builds(
    RollingUpdate,
    max_surge=st.builds(PodCount, pods=st.integers(0, 2)) | st.builds(PodCount, percent=st.integers(0, 100)),
)


@st.composite
def claims(draw: st.DrawFn) -> list[Claim]:
    budget = draw(st.integers(20, 300))
    return [
        claim(
            name,
            connections_per_pod=draw(st.integers(1, 30)),
            budget_connections=budget,
            replicas=draw(st.integers(1, 8)),
            ending_pods=draw(st.integers(0, 3)),
            update=draw(updates),
            rolling=draw(st.booleans()),
            least=draw(st.integers(1, 3)),
            wanted=draw(st.integers(1, 30)),
            movable=draw(st.sampled_from([True, True, True, False])),
        )
        for name in ("a", "b", "c")[: draw(st.integers(1, 3))]
    ]


@given(claims())
def test_fair_shares_fit_together(all_: list[Claim]) -> None:
    shares = fair_replicas(all_)
    fixed = sum(each.settled.held_connections for each in all_ if not each.movable)
    given_ = sum(
        each.settled.connections(shares[each.owner]) for each in all_ if each.movable and shares[each.owner] > 0
    )

    assert given_ <= max(0, budget_of(all_) - fixed)


@given(claims())
def test_what_is_gained_by_asking_for_more_is_only_what_was_asked_for(all_: list[Claim]) -> None:
    first = all_[0]
    modest = fair_replicas(all_)[first.owner]
    greedy = fair_replicas([replace(first, wanted=100), *all_[1:]])[first.owner]

    assert modest == min(greedy, max(first.wanted, first.replicas, first.least)) or not first.movable


@given(claims())
def test_nobody_has_less_than_another_could_spare(all_: list[Claim]) -> None:
    """Max-min in whole pods: what others hold beyond what the poorer wishes for is too little for its next pod."""
    shares = fair_replicas(all_)
    movable = [each.settled for each in all_ if each.movable]
    for poor in movable:
        had = shares[poor.owner]
        if not poor.least <= had < max(poor.wanted, poor.replicas):
            continue
        wish = poor.connections(had + 1)
        beyond = sum(_beyond(rich, shares[rich.owner], wish) for rich in movable if rich is not poor)
        assert beyond < wish - poor.connections(had)


def _beyond(rich: Claim, pods: int, wish: int) -> int:
    """Connections of its pods above its minimum that take it beyond so many."""
    kept = max((each for each in range(rich.least, pods + 1) if rich.connections(each) <= wish), default=rich.least)
    return max(0, rich.connections(pods) - rich.connections(kept))


@pytest.mark.parametrize("cap", ["cap_pods", "held_pods"])
@given(claims())
def test_growing_to_the_cap_never_exceeds_the_budget(cap: str, all_: list[Claim]) -> None:
    for each in all_:
        found = share(each, *(other for other in all_ if other is not each), most=30)
        if cap == "cap_pods" and found.cap_pods > each.replicas:
            others = found.used_connections - each.held_connections
            assert each.connections(found.cap_pods) + others <= found.budget_connections
        assert found.held_pods * each.connections_per_pod == each.held_connections
