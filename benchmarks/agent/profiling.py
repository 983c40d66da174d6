"""What a profile costs: CPU of a busy app, in turns with and without the sampler, in one process and without sockets.

python -m benchmarks.agent.profiling --pairs 10 --requests 3000
"""

import argparse
import asyncio
import os
import statistics
import threading
import time
from typing import Any

from benchmarks.agent.minimal_app import app
from fastapi_tuning_agent.sampler import Sampler

PER_SECOND = 50
PATHS = ("/async", "/sync")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--requests", type=int, default=3000)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}")
    for path in PATHS:
        asyncio.run(_compare(path, options.pairs, options.requests))


async def _compare(path: str, pairs: int, requests: int) -> None:
    await _cpu_seconds(path, requests)  # imports, caches, threads
    ratios, shares, rates = [], [], []
    for number in range(pairs):
        with_first = number % 2 == 0
        first = await _turn(path, requests, sampled=with_first)
        second = await _turn(path, requests, sampled=not with_first)
        sampled, plain = (first, second) if with_first else (second, first)
        ratios.append(sampled[0] / plain[0])
        shares.append(sampled[1]["samplerCpuSeconds"] / sampled[1]["seconds"])
        rates.append(sampled[1]["samples"] / sampled[1]["seconds"])
    low, *_, high = statistics.quantiles(ratios, n=4)
    print(
        f"{path}: CPU with / without = {statistics.median(ratios):.4f} (quartiles {low:.4f} to {high:.4f});"
        f" sampler's own {statistics.median(shares):.2%} of a core at {statistics.median(rates):.0f} samples/s"
    )


async def _turn(path: str, requests: int, *, sampled: bool) -> tuple[float, dict[str, Any]]:
    if not sampled:
        return await _cpu_seconds(path, requests), {}
    cancelled = threading.Event()
    sampler = Sampler(120, PER_SECOND, cancelled)
    thread = threading.Thread(target=sampler.run, name="fastapi-tuning-profile")
    begun = time.process_time()
    thread.start()
    await _cpu_seconds(path, requests)
    cancelled.set()
    await asyncio.to_thread(thread.join)
    return time.process_time() - begun, sampler.profile()


async def _cpu_seconds(path: str, requests: int) -> float:
    """CPU of the process for as many requests, eight at a time."""
    begun = time.process_time()

    async def client() -> None:
        for _ in range(requests // 8):
            await app(_scope(path), _receive, _send)

    await asyncio.gather(*(client() for _ in range(8)))
    return time.process_time() - begun


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Any) -> None:
    """What is answered is not looked at."""


if __name__ == "__main__":
    main()
