"""The accounts of calls: exact while calls go on, never falling, never too many."""

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastapi_tuning_agent import accounts
from fastapi_tuning_agent.accounts import MAX_NAME_LENGTH, MAX_PEERS, OTHER, Account, Accounts, address


@dataclass
class Clock:
    nanoseconds: int = 10**15

    def __call__(self) -> int:
        return self.nanoseconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(accounts, "monotonic_ns", clock)
    return clock


STEPS = st.lists(st.tuples(st.sampled_from(["begin", "end", "fail", "wait"]), st.integers(0, 10**10)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the clock may go on from where it was
@given(STEPS)
def test_the_time_is_the_integral_of_the_calls_under_way_and_never_falls(
    clock: Clock, steps: list[tuple[str, int]]
) -> None:
    account, running = Account(), list[int]()
    integral = ended = failed = 0
    seen = [0.0]
    for step, nanoseconds in steps:
        if step == "begin":
            running.append(account.begin())
        elif step == "wait":
            clock.nanoseconds += nanoseconds
            integral += nanoseconds * len(running)
        elif running:
            account.end(running.pop(nanoseconds % len(running)), failed=step == "fail")
            ended += 1
            failed += step == "fail"
        seen.append(account.read().seconds)
    assert account.read() == (len(running), integral / 1e9, ended - failed, failed)
    assert seen == sorted(seen)


def test_peers_beyond_the_most_of_their_kind_are_one() -> None:
    kept = Accounts()
    for number in range(MAX_PEERS + 30):
        kept.account("HTTP", f"host-{number}").begin()
    kept.account("Database", "db:5432").begin()
    under_way = {key: account.read().under_way for key, account in kept.items()}
    assert len(under_way) == MAX_PEERS + 2
    assert under_way["HTTP", OTHER] == 30
    assert under_way["Database", "db:5432"] == 1


def test_a_peer_that_has_a_name_keeps_it() -> None:
    kept = Accounts()
    first = kept.account("HTTP", "first")
    for number in range(MAX_PEERS):
        kept.account("HTTP", f"host-{number}")
    assert kept.account("HTTP", "first") is first


def test_a_name_without_end_is_cut_and_stays_one_account() -> None:
    kept = Accounts()
    assert kept.account("HTTP", "x" * 5000) is kept.account("HTTP", "x" * 5000)
    ((_, name),) = dict(kept.items())
    assert len(name) == MAX_NAME_LENGTH


@pytest.mark.parametrize(
    ("host", "port", "shown"),
    [
        ("api.shop", 443, "api.shop:443"),
        ("::1", 80, "[::1]:80"),
        ("[::1]", 80, "[::1]:80"),
        ("db", None, "db"),
        (None, None, "unknown"),
    ],
)
def test_a_peer_is_written_as_in_a_url(host: str | None, port: int | None, shown: str) -> None:
    assert address(host, port) == shown
