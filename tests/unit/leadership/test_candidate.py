"""The rules of the election, one by one."""

from dataclasses import replace

import pytest

from fastapi_tuning.leadership.candidate import Candidate, Timing
from fastapi_tuning.leadership.lease import Lease

FREE = Lease(version="1", holder="", duration_seconds=0, acquired="", transitions=0)
OF_ANOTHER = Lease(
    version="7", holder="other", duration_seconds=15, acquired="2026-01-01T12:00:00.000000Z", transitions=3
)
ME = Candidate(identity="me")
OURS = replace(OF_ANOTHER, version="8", holder="me")


@pytest.mark.parametrize(
    "times",
    [
        {"renew_deadline_seconds": 13.5},
        {"renew_deadline_seconds": 3.0},
        {"retry_seconds": 0.0},
    ],
)
def test_times_that_would_let_two_lead_or_leave_no_second_try_are_refused(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="does not hold"):
        Timing(**times)  # type: ignore[arg-type]


def test_nothing_may_be_claimed_before_it_was_read() -> None:
    assert not ME.may_claim(1e9)


def test_a_free_lease_and_our_own_may_be_claimed_at_once() -> None:
    assert ME.saw(FREE, 100.0).may_claim(100.0)
    assert ME.saw(OURS, 100.0).may_claim(100.0)


def test_one_that_was_handed_on_may_be_claimed_at_once_but_not_one_whose_holder_somebody_took_out() -> None:
    handed_on = replace(OF_ANOTHER, holder="", duration_seconds=1)
    assert ME.saw(handed_on, 100.0).may_claim(100.0)
    taken_out = ME.saw(replace(OF_ANOTHER, holder=""), 100.0)
    assert not taken_out.may_claim(114.0)
    assert taken_out.may_claim(115.0)
    assert taken_out.next_try_at(114.0) == 115.0


def test_anothers_may_be_claimed_when_it_has_not_changed_for_its_duration_by_our_clock() -> None:
    seen = ME.saw(OF_ANOTHER, 100.0)
    for at in (102.0, 110.0):
        seen = seen.saw(OF_ANOTHER, at)
    assert not seen.may_claim(114.9)
    assert seen.may_claim(115.0)


def test_any_change_starts_the_time_anew() -> None:
    seen = ME.saw(OF_ANOTHER, 100.0).saw(replace(OF_ANOTHER, version="9"), 114.0)
    assert not seen.may_claim(120.0)


def test_the_time_is_what_the_holder_promised_not_what_we_would() -> None:
    assert not ME.saw(replace(OF_ANOTHER, duration_seconds=60), 0.0).may_claim(59.0)


def test_writes_begin_for_ten_seconds_after_the_request_and_end_before_the_fifteenth() -> None:
    holding = ME.claimed(OURS, begun_at=100.0, at=104.0)
    assert holding.write_seconds(100.0) == 13.5
    assert holding.write_seconds(109.0) == 4.5
    assert holding.write_seconds(110.0) == 0.0


def test_who_sees_another_holder_leads_no_longer() -> None:
    assert not ME.claimed(OURS, 100.0, 100.1).saw(replace(OF_ANOTHER, version="9"), 101.0).leads(101.0)


def test_a_lapsed_leader_does_not_lead_again_without_a_new_renewal() -> None:
    lapsed = ME.claimed(OURS, 100.0, 100.1).lapsed(110.0)
    assert lapsed.renewed_at is None
    assert not lapsed.saw(OURS, 110.5).leads(110.5)


def test_the_next_try_is_in_two_seconds_or_when_the_lease_is_over() -> None:
    assert ME.saw(FREE, 100.0).next_try_at(100.0) == 102.0
    follower = ME.saw(OF_ANOTHER, 100.0)
    assert follower.next_try_at(100.0) == 102.0
    assert follower.next_try_at(114.0) == 115.0
    assert follower.next_try_at(115.0) == 117.0, "somebody else was faster"
    leader = ME.claimed(OURS, 100.0, 100.1)
    assert leader.next_try_at(100.0) == 102.0
    assert leader.next_try_at(109.0) == 110.0, "to say that it is over"


def test_a_holder_in_doubt_reads_first_and_goes_on_leading_meanwhile() -> None:
    doubting = ME.claimed(OURS, 100.0, 100.1).in_doubt()
    assert doubting.lease is None
    assert doubting.leads(109.0)
    follower = ME.saw(OF_ANOTHER, 100.0)
    assert follower.in_doubt() == follower, "it reads in any case, and must not forget since when"
