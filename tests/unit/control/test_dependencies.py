"""What is believed of measured dependencies, and how their baselines follow them."""

import pytest

from fastapi_tuning.api.status import Learned
from fastapi_tuning.control.dependencies import baseline_of, learn_peers, pool_of_a_pod, sound
from fastapi_tuning.control.observation import Dependencies
from tests.unit.control.builders import learned, traffic
from tests.unit.control.diagnosis.services import connections, dependencies, peer, query

BROKEN = [float("nan"), float("inf"), -1.0]


@pytest.mark.parametrize("number", BROKEN)
def test_an_entry_with_a_number_that_cannot_be_is_left_out_and_the_others_stay(number: float) -> None:
    broken = dependencies(peer(in_flight=number), query(), connections(waiting=number), connections())

    assert sound(broken) == dependencies(query(), connections())


def test_what_is_not_measured_stays_that() -> None:
    assert sound(None) is None
    assert learn_peers(learned(), None, 15.0) == learned()
    assert pool_of_a_pod(None, traffic()) is None
    assert pool_of_a_pod(dependencies(), traffic()) is None


def test_the_pool_of_a_pod_is_its_share_of_the_one_that_requests_wait_for_longest() -> None:
    both = dependencies(connections(), connections(peer="other:5432", size=8.0, wait_seconds_per_second=4.0))

    found = pool_of_a_pod(both, traffic(scraped_pods=2))

    assert found is not None
    assert (found.peer, found.size, found.wait_seconds_per_second) == ("other:5432", 4.0, 2.0)


def taught(known: Learned, seconds: float, elapsed: float = 15.0) -> float | None:
    """A call took so long, 100 times a second."""
    called = peer(seconds_per_second=100 * seconds)
    return baseline_of(called, learn_peers(known, dependencies(called), elapsed))


def test_a_baseline_follows_a_quicker_peer_at_once_and_a_slower_one_within_the_hour() -> None:
    fresh = learned()
    known = learn_peers(fresh, dependencies(peer()), 15.0)

    assert baseline_of(peer(), fresh) is None
    assert taught(fresh, 0.02) == pytest.approx(0.02)
    assert taught(known, 0.005) == pytest.approx(0.005)
    assert taught(known, 0.02, elapsed=1800.0) == pytest.approx(0.015)
    assert taught(known, 0.02, elapsed=7200.0) == pytest.approx(0.02)


def test_a_peer_that_is_not_called_now_keeps_its_baseline() -> None:
    known = learn_peers(learned(), dependencies(peer(), query()), 15.0)

    later = learn_peers(known, dependencies(peer(calls_per_second=0.0), query()), 15.0)

    assert baseline_of(peer(), later) == pytest.approx(0.01)


def test_of_many_peers_those_that_take_most_time_are_remembered() -> None:
    many = Dependencies(
        pools=(), peers=tuple(peer(peer="x" * 300 + f"{n}", seconds_per_second=float(n)) for n in range(12))
    )
    some = Dependencies(pools=(), peers=tuple(peer(peer=f"api-{n}", seconds_per_second=float(n)) for n in range(12)))

    assert len(learn_peers(learned(), some, 15.0).peers) == 8
    assert baseline_of(some.peers[11], learn_peers(learned(), some, 15.0)) == pytest.approx(0.11)
    assert baseline_of(some.peers[0], learn_peers(learned(), some, 15.0)) is None
    assert len({each.peer for each in learn_peers(learned(), many, 15.0).peers}) == 1, "names are cut"
