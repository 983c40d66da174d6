"""The edge of the election in virtual time: how long everything takes, and what the Lease then says."""

import asyncio
import logging
from dataclasses import dataclass

import pytest

from fastapi_tuning.leadership.lease import micro_time
from tests.unit.fakes.virtual_time import in_virtual_time
from tests.unit.leadership.leases import NOON, LeaseApi, LeaseServer, Operator, Way, until

OUTAGE = Way(lost=True)


@dataclass
class Network:
    """Fails while `down`; `slow` is the way of every request otherwise."""

    down: bool = False
    slow: Way = Way()  # noqa: RUF009  # frozen

    def way(self) -> Way:
        return OUTAGE if self.down else self.slow


@dataclass
class Two:
    """A leader and a follower, each with its own network."""

    server: LeaseServer
    leader: Operator
    follower: Operator
    networks: tuple[Network, Network]


async def two() -> Two:
    server, networks = LeaseServer(), (Network(), Network())
    leader = Operator("one", LeaseApi(server, networks[0].way))
    follower = Operator("two", LeaseApi(server, networks[1].way), clock_ahead_seconds=5000.0)
    leader.start()
    await until(lambda: leader.leads, at_most=0.1)
    follower.start()
    await asyncio.sleep(20.3)
    assert (leader.leads, follower.leads) == (True, False)
    return Two(server, leader, follower, networks)


def test_the_first_one_leads_at_once_and_goes_on() -> None:
    async def scenario() -> None:
        found = await two()
        assert (found.leader.told, found.follower.told) == (["began"], [])
        spec = found.server.spec or {}
        assert spec["holderIdentity"] == "one"
        assert spec["leaseDurationSeconds"] == 15
        assert spec["leaseTransitions"] == 1, "from nobody"
        assert spec["acquireTime"] < spec["renewTime"]

    in_virtual_time(scenario)


def test_a_leader_that_dies_is_followed_within_the_lease_and_one_retry() -> None:
    async def scenario() -> None:
        found = await two()
        await found.leader.die()
        taken = await until(lambda: found.follower.leads, at_most=17.2)
        assert taken >= 13.0, "it must have been silent for the whole lease"
        assert (found.server.spec or {})["leaseTransitions"] == 2

    in_virtual_time(scenario)


def test_a_leader_that_is_stopped_is_followed_within_one_retry() -> None:
    async def scenario() -> None:
        found = await two()
        await found.leader.stop()
        assert found.leader.told == ["began", "ended"]
        assert found.server.holder == ""
        await until(lambda: found.follower.leads, at_most=2.1)

    in_virtual_time(scenario)


def test_who_could_not_act_does_not_stand() -> None:
    async def scenario() -> None:
        broken = Operator("broken", LeaseApi(LeaseServer()), ready=False)
        broken.start()
        await asyncio.sleep(60.0)
        assert not broken.leads
        broken.ready = True
        await until(lambda: broken.leads, at_most=2.1)

    in_virtual_time(scenario)


def test_who_does_not_lead_releases_nothing() -> None:
    async def scenario() -> None:
        found = await two()
        await found.follower.stop()
        await asyncio.sleep(30.0)
        assert (found.server.holder, found.leader.told) == ("one", ["began"])

    in_virtual_time(scenario)


def test_a_leader_that_is_cut_off_ends_five_seconds_before_the_other_begins() -> None:
    async def scenario() -> None:
        found = await two()
        found.networks[0].down = True
        ended = await until(lambda: not found.leader.leads, at_most=10.0)
        assert found.leader.told[-1] == "ended"
        gap = await until(lambda: found.follower.leads, at_most=7.2)
        assert ended >= 7.9, "the last renewal is at most two seconds old"
        assert gap >= 4.9
        found.networks[0].down = False
        await asyncio.sleep(60.0)
        assert found.leader.told == ["began", "ended"], "it follows, and does not take the lease back"

    in_virtual_time(scenario)


def test_an_api_server_that_is_down_for_a_minute_ends_leadership_and_one_of_them_leads_afterwards() -> None:
    async def scenario() -> None:
        found = await two()
        for network in found.networks:
            network.down = True
        await asyncio.sleep(60.0)
        assert not found.leader.leads
        assert not found.follower.leads
        for network in found.networks:
            network.down = False
        await until(lambda: found.leader.leads or found.follower.leads, at_most=2.1)

    in_virtual_time(scenario)


def test_two_seconds_for_each_answer_cost_no_leadership() -> None:
    async def scenario() -> None:
        found = await two()
        for network in found.networks:
            network.slow = Way(there_seconds=1.0, back_seconds=1.0)
        await asyncio.sleep(300.0)
        assert (found.leader.told, found.follower.told) == (["began"], [])

    in_virtual_time(scenario)


def test_a_request_that_hangs_leaves_time_for_a_second_try() -> None:
    async def scenario() -> None:
        found = await two()
        found.networks[0].slow = Way(there_seconds=3600.0)
        await asyncio.sleep(5.0)
        found.networks[0].slow = Way()
        await asyncio.sleep(30.0)
        assert found.leader.told == ["began"]

    in_virtual_time(scenario)


def test_a_renewal_that_was_written_though_its_answer_was_lost_ends_nothing() -> None:
    async def scenario() -> None:
        found = await two()
        found.networks[0].slow = Way(answer_lost=True)
        await asyncio.sleep(2.0)
        found.networks[0].slow = Way()
        await asyncio.sleep(30.0)
        assert found.leader.told == ["began"]

    in_virtual_time(scenario)


def test_a_renewal_on_its_way_when_the_leader_is_stopped_does_not_undo_the_release() -> None:
    async def scenario() -> None:
        found = await two()
        found.networks[0].slow = Way(there_seconds=0.5)
        await asyncio.sleep(1.9)  # a renewal is under way
        found.networks[0].slow = Way(there_seconds=0.1)
        await found.leader.stop()
        await until(lambda: found.follower.leads, at_most=2.5)

    in_virtual_time(scenario)


def test_somebody_who_writes_into_the_lease_ends_nothing() -> None:
    async def scenario() -> None:
        found = await two()
        found.server.version += 1
        await asyncio.sleep(30.0)
        assert found.leader.told == ["began"]

    in_virtual_time(scenario)


def test_a_lease_that_somebody_gave_to_another_is_let_go_of_at_the_next_renewal() -> None:
    async def scenario() -> None:
        found = await two()
        found.server.write(
            {"metadata": {"resourceVersion": str(found.server.version)}, "spec": {"holderIdentity": "somebody"}}
        )
        await until(lambda: not found.leader.leads, at_most=4.1)

    in_virtual_time(scenario)


def test_without_its_lease_nobody_leads_until_it_is_there_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        found = await two()
        found.server.spec = None
        await asyncio.sleep(30.0)
        assert not found.leader.leads
        assert not found.follower.leads
        found.server.spec = {}
        await until(lambda: found.leader.leads or found.follower.leads, at_most=2.1)

    in_virtual_time(scenario)
    assert any("not found" in str(getattr(record, "error", "")) for record in caplog.records), "it says why"


def test_the_log_tells_who_leads(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        found = await two()
        await found.leader.stop()
        await until(lambda: found.follower.leads, at_most=2.1)

    with caplog.at_level(logging.INFO):
        in_virtual_time(scenario)
    said = [
        (record.getMessage(), getattr(record, "identity", getattr(record, "leader", ""))) for record in caplog.records
    ]
    assert said == [
        ("leading", "one"),
        ("following", "one"),
        ("no longer leading", "one"),
        ("lease released", ""),
        ("leading", "two"),
    ]


def test_times_have_six_digits_as_kubernetes_wants_them() -> None:
    assert micro_time(NOON) == "2026-01-01T12:00:00.000000Z"
