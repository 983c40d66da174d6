"""Requests leave when they are due, whatever the answers do."""

import asyncio
from collections.abc import Iterable

import anyio

from fastapi_tuning.load.arrivals import Arrival
from fastapi_tuning.load.open_loop import offer
from fastapi_tuning.load.tally import Outcome


class Record:
    def __init__(self) -> None:
        self.lags: list[float] = []
        self.results: list[tuple[Outcome, float]] = []

    def offered(self, arrival: Arrival, lag_seconds: float) -> None:
        self.lags.append(lag_seconds)

    def finished(self, arrival: Arrival, outcome: Outcome, latency_seconds: float) -> None:
        self.results.append((outcome, latency_seconds))


def every(gap_seconds: float, count: int) -> Iterable[Arrival]:
    return (Arrival(at_seconds=index * gap_seconds, phase=0) for index in range(count))


async def test_sends_all_requests_although_none_is_answered() -> None:
    record, sent, answer = Record(), 0, asyncio.Event()

    async def request() -> Outcome:
        nonlocal sent
        sent += 1
        if sent == 50:
            answer.set()
        await answer.wait()
        return Outcome.OK

    with anyio.fail_after(10):
        await offer(every(0.001, 50), request, record, max_in_flight=100, stop=asyncio.Event())
    assert [outcome for outcome, _ in record.results] == [Outcome.OK] * 50


async def test_never_sends_before_its_time() -> None:
    record = Record()

    async def request() -> Outcome:
        return Outcome.OK

    await offer(every(0.01, 10), request, record, max_in_flight=1, stop=asyncio.Event())
    assert len(record.lags) == 10
    assert min(record.lags) >= 0


async def test_latency_counts_from_the_scheduled_time_also_when_the_generator_is_late() -> None:
    record = Record()

    async def request() -> Outcome:
        return Outcome.OK

    late = [Arrival(at_seconds=-2.0, phase=0)]
    await offer(late, request, record, max_in_flight=1, stop=asyncio.Event())
    assert record.results[0][1] >= 2.0


async def test_requests_over_the_limit_are_errors_and_not_sent() -> None:
    record, answer, sent = Record(), asyncio.Event(), 0

    async def request() -> Outcome:
        nonlocal sent
        sent += 1
        await answer.wait()
        return Outcome.OK

    offering = asyncio.create_task(offer(every(0.001, 10), request, record, max_in_flight=3, stop=asyncio.Event()))
    with anyio.fail_after(10):
        while len(record.lags) < 10:  # noqa: ASYNC110 - the record is a plain list
            await anyio.sleep(0.001)
        answer.set()
        await offering
    assert sent == 3
    assert sorted(outcome for outcome, _ in record.results) == [Outcome.ERROR] * 7 + [Outcome.OK] * 3


async def test_told_to_stop_it_offers_no_more_and_waits_for_what_it_sent() -> None:
    record, stop = Record(), asyncio.Event()

    async def request() -> Outcome:
        stop.set()
        await asyncio.sleep(0.02)
        return Outcome.OK

    hour_apart = every(3600, 3)
    with anyio.fail_after(10):
        await offer(hour_apart, request, record, max_in_flight=10, stop=stop)
    assert [outcome for outcome, _ in record.results] == [Outcome.OK]
