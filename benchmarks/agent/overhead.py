"""CPU that the agent adds to a minimal request: `python -m benchmarks.agent.overhead`.

Two servers run side by side, one with the agent switched off, and take turns under the same closed-loop load. Each pair
of turns gives one ratio of CPU per request, so whatever else the machine does falls on both. CPU is the scheduler's
own count of all the server's threads (/proc/PID/task/*/schedstat, nanoseconds).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.integration.agent.environments import CURRENT, ready
from tests.integration.agent.servers import Server, running

CONNECTIONS = 8
LIMITS = {"generation": 1, "inFlightLimit": 1000, "loopLagLimitMilliseconds": 1000, "objectiveMilliseconds": 300}
COMMAND = ("uvicorn", "minimal_app:app", "--port", "{port}", "--no-access-log", "--log-level", "warning")


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        without = stack.enter_context(_serving(Path(folder) / "without", {"FASTAPI_TUNING_AGENT": "off"}))
        with_agent = stack.enter_context(_serving(Path(folder) / "with", {}))
        for path in ("/async", "/sync"):
            pairs = list(_pairs(without, with_agent, path, options.pairs, options.requests))
            print(json.dumps({"path": path, **_summary(pairs)}))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--requests", type=int, default=4000, help="of each turn")
    return parser.parse_args()


@contextmanager
def _serving(folder: Path, variables: Mapping[str, str]) -> Iterator[Server]:
    folder.mkdir()
    with running(
        ready(CURRENT), COMMAND, folder, settings=LIMITS, variables=variables, app_folder=Path(__file__).parent
    ) as server:
        yield server


def _pairs(without: Server, with_agent: Server, path: str, pairs: int, requests: int) -> Iterator[tuple[float, float]]:
    """(without, with) in CPU microseconds per request, the two in random order; the first pair warms up."""
    order = random.Random(0)
    for number in range(pairs + 1):
        turns = [without, with_agent]
        order.shuffle(turns)
        cost = {id(server): _microseconds_per_request(server, path, requests) for server in turns}
        if number > 0:
            yield cost[id(without)], cost[id(with_agent)]


def _microseconds_per_request(server: Server, path: str, requests: int) -> float:
    request = f"GET {path} HTTP/1.1\r\nHost: app\r\n\r\n".encode()
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(CONNECTIONS)
        ]
        before = _cpu_nanoseconds(server.process.pid)
        for _ in range(requests // CONNECTIONS):
            for connection in connections:
                connection.sendall(request)
            for connection in connections:
                answer = connection.recv(65536)
                while not answer.endswith(b"{}"):
                    answer += connection.recv(65536)
        return (_cpu_nanoseconds(server.process.pid) - before) / 1000 / (requests // CONNECTIONS * CONNECTIONS)


def _cpu_nanoseconds(pid: int) -> int:
    """Of all threads that live; those of the servers here live on."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def _summary(pairs: list[tuple[float, float]]) -> dict[str, float | int]:
    ratios = sorted(after / before for before, after in pairs)
    resampled = random.Random(1)
    medians = sorted(statistics.median(resampled.choices(ratios, k=len(ratios))) for _ in range(2000))
    return {
        "pairs": len(pairs),
        "without_microseconds": round(statistics.median(before for before, _ in pairs), 2),
        "with_microseconds": round(statistics.median(after for _, after in pairs), 2),
        "added_microseconds": round(statistics.median(after - before for before, after in pairs), 2),
        "added_percent": round(100 * (statistics.median(ratios) - 1), 2),
        "added_percent_low_95": round(100 * (medians[50] - 1), 2),
        "added_percent_high_95": round(100 * (medians[1949] - 1), 2),
        "load_average": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    sys.exit(main())
