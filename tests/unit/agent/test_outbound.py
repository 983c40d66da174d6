"""What counts as one call to others, and that the app cannot tell whether it is counted."""

import asyncio
import os
import subprocess
import sys
from contextvars import copy_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fastapi_tuning_agent import outbound, report
from fastapi_tuning_agent.accounts import Accounts, Reading
from fastapi_tuning_agent.exposition import from_json, text_of, to_json
from fastapi_tuning_agent.ledger import Ledger
from fastapi_tuning_agent.outbound import answered_badly, count_calls


class Client:
    """A library's client, by which each test makes a class of its own to be counted."""

    def send(self, peer: str, inner: Any = None) -> Any:
        return inner() if inner is not None else peer

    async def asend(self, peer: str, inner: Any = None) -> Any:
        await asyncio.sleep(0)
        return await inner() if inner is not None else peer


def where(client: Client, peer: str, *_: Any, **__: Any) -> tuple[str, str] | None:
    if peer == "bug":
        raise LookupError("of the agent")
    return None if peer == "waits on purpose" else ("HTTP", peer)


@pytest.fixture
def client() -> Any:
    counted: Any = type("Counted", (Client,), {})
    count_calls(counted, "send", where)
    count_calls(counted, "asend", where)
    return counted()


def read(counted: Accounts, peer: str = "peer") -> Reading:
    return dict(counted.items())["HTTP", peer].read()


def fail() -> None:
    raise TimeoutError


async def test_a_call_counts_by_how_it_ends(client: Any, counted: Accounts) -> None:
    assert (client.send("peer"), await client.asend("peer")) == ("peer", "peer")
    with pytest.raises(TimeoutError):
        client.send("peer", fail)
    assert read(counted)._replace(seconds=0) == Reading(0, 0, succeeded=2, failed=1)


async def test_a_call_that_is_cancelled_has_ended_without_an_answer(client: Any, counted: Accounts) -> None:
    call = asyncio.ensure_future(client.asend("peer", asyncio.Event().wait))
    await asyncio.sleep(0)
    assert read(counted).under_way == 1
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert read(counted)._replace(seconds=0) == Reading(0, 0, succeeded=0, failed=1)


async def test_a_call_within_a_call_is_part_of_it(client: Any, counted: Accounts) -> None:
    client.send("peer", lambda: client.send("below"))
    await client.asend("peer", lambda: client.asend("below"))
    assert [key for key, _ in counted.items()] == [("HTTP", "peer")]
    assert read(counted).succeeded == 2


async def test_calls_side_by_side_are_calls_of_their_own(client: Any, counted: Accounts) -> None:
    await asyncio.gather(*(client.asend("peer") for _ in range(5)))
    assert read(counted).succeeded == 5


async def test_a_context_that_was_copied_during_a_call_counts_again_after_it(client: Any, counted: Accounts) -> None:
    copies = []
    client.send("peer", lambda: copies.append(copy_context()))
    copies[0].run(client.send, "peer")
    assert read(counted).succeeded == 2


async def test_a_command_that_waits_on_purpose_is_not_counted(client: Any, counted: Accounts) -> None:
    assert client.send("waits on purpose") == "waits on purpose"
    assert counted.items() == []


async def test_what_the_agent_cannot_do_the_app_does_not_see(client: Any, counted: Accounts) -> None:
    assert client.send("bug") == "bug"
    assert await client.asend("bug") == "bug"
    assert counted.items() == []


def test_an_answer_that_the_agent_cannot_read_is_returned_all_the_same(counted: Accounts) -> None:
    broken: Any = type("Broken", (Client,), {})

    def has_failed(outcome: Any) -> bool:
        raise LookupError("of the agent")

    count_calls(broken, "send", where, has_failed)
    assert broken().send("peer") == "peer"
    assert read(counted).under_way == 0


def test_wrapping_twice_counts_once(client: Any, counted: Accounts) -> None:
    count_calls(type(client), "send", where)
    client.send("peer")
    assert read(counted).succeeded == 1


def test_switched_off_the_class_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAPI_TUNING_OUTBOUND", "off")
    untouched: Any = type("Untouched", (Client,), {})
    count_calls(untouched, "send", where)
    assert untouched.send is Client.send


@pytest.mark.parametrize(
    ("outcome", "bad"),
    [
        (SimpleNamespace(status_code=204), False),
        (SimpleNamespace(status_code=404), False),
        (SimpleNamespace(status=503), True),
        (TimeoutError(), True),
        (OSError(111, "refused"), True),
    ],
)
def test_a_peer_fails_without_an_answer_or_with_one_that_says_so(outcome: object, bad: bool) -> None:
    assert answered_badly(outcome) is bad


def test_a_client_that_raises_on_a_status_below_500_has_an_answer() -> None:
    error: Any = ValueError("404, message='Not Found'")
    error.status = 404
    assert not answered_badly(error)


def test_a_forked_child_starts_with_nothing_counted_and_no_lock_held() -> None:
    code = """
import os
from fastapi_tuning_agent.outbound import OUTBOUND
account = OUTBOUND.account("HTTP", "peer")
account.begin()
account._lock.acquire()
OUTBOUND._change.acquire()
child = os.fork()
if child == 0:
    OUTBOUND.account("HTTP", "peer").begin()
    os._exit(OUTBOUND.account("HTTP", "peer").read().under_way)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(outbound.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=60, check=True)
    assert run.stdout.strip() == b"1"


def test_the_calls_of_all_workers_are_added_up_and_stay_when_one_ends() -> None:
    one, two = Accounts(), Accounts()
    for accounts, calls in ((one, 3), (two, 4)):
        for _ in range(calls):
            account = accounts.account("HTTP", "peer")
            account.end(account.begin(), failed=False)
        account.begin()
    told = dict(from_json(to_json(name, report.of_outbound(each))) for name, each in (("one", one), ("two", two)))
    ledger = Ledger()
    ok = (("kind", "HTTP"), ("peer", "peer"), ("outcome", "ok"))
    both = ledger.total(told)
    assert both["fastapi_tuning_outbound_calls_total"][ok] == 7
    assert both["fastapi_tuning_outbound_in_flight"][ok[:2]] == 2
    left = ledger.total({"one": told["one"]})
    assert left["fastapi_tuning_outbound_calls_total"][ok] == 7
    assert left["fastapi_tuning_outbound_in_flight"][ok[:2]] == 1


def test_a_peer_that_never_failed_shows_its_failures_as_none_so_that_the_first_is_seen() -> None:
    accounts = Accounts()
    accounts.account("HTTP", 'a "quoted" peer')
    text = text_of(report.of_outbound(accounts))
    assert 'outbound_calls_total{kind="HTTP",peer="a \\"quoted\\" peer",outcome="error"} 0.0' in text
