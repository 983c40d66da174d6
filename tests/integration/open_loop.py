"""A known mix of requests on several apps at once, sent by the clock whatever the answers do."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp

PATHS = ("/fast", "/late", "/fast", "/unavailable", "/fast", "/fast", "/late", "/fast", "/broken", "/fast")
"""Of ten requests two are late and two fail, one by an answer of 503 and one by an exception that nobody handles."""
LATE_RATIO = FAILED_RATIO = 0.2
_PROBE_EVERY = 10
_TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What went out to each app; `statuses` are those of all answers, probes apart."""

    requests_per_second: float
    statuses: Counter[int]


async def send(urls: Iterable[str], *, requests_per_second: float, seconds: float) -> Sent:
    """Send the mix to each of the URLs, and a probe with every tenth request."""
    urls, count = tuple(urls), round(requests_per_second * seconds)
    statuses: Counter[int] = Counter()
    connections = aiohttp.TCPConnector(limit=0, force_close=True)  # none that the app may be about to close
    async with aiohttp.ClientSession(connector=connections, timeout=_TIMEOUT) as session, asyncio.TaskGroup() as group:

        async def get(url: str, path: str) -> None:
            async with session.get(url + path) as response:
                if path != "/healthz":
                    statuses[response.status] += 1

        started = time.monotonic()
        for number in range(count):
            await asyncio.sleep(started + number / requests_per_second - time.monotonic())
            for url in urls:
                group.create_task(get(url, PATHS[number % len(PATHS)]))
                if number % _PROBE_EVERY == 0:
                    group.create_task(get(url, "/healthz"))
        elapsed = time.monotonic() - started
    return Sent(requests_per_second=count / elapsed, statuses=statuses)
