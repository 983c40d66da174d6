"""What the agent does to requests and to the process when it is asked to, with a real uvicorn."""

import http.client
import socket
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.agent.environments import CURRENT, ready
from tests.integration.agent.servers import PATIENCE_SECONDS, Server, eventually, running

PARSERS = [("httptools", "uvloop"), ("h11", "asyncio")]
_CLIENTS = 60


@contextmanager
def serving(
    folder: Path, settings: dict[str, object], http_parser: str = "httptools", loop: str = "uvloop"
) -> Iterator[Server]:
    command = ("uvicorn", "app:app", "--port", "{port}", "--http", http_parser, "--loop", loop)
    with running(ready(CURRENT), command, folder, settings={"generation": 1, **settings}) as server:
        eventually(lambda: server.generation() == 1, "the start settings hold", server)
        yield server


def test_the_page_answers_while_the_loop_is_blocked_and_names_who_blocks_it(tmp_path: Path) -> None:
    with serving(tmp_path, {}) as server, ThreadPoolExecutor(1) as client:
        blocked = client.submit(server.status_of, "/blocking?milliseconds=1500")
        eventually(lambda: _blocked_by(server, "blocking") > 0.3, "the culprit is named", server, 1.4)
        assert not blocked.done()
        assert blocked.result() == 200


def test_a_slow_endpoint_that_awaits_is_blamed_for_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, {}) as server:
        assert server.status_of("/?milliseconds=600") == 200
        assert _blocked_by(server, "root") == 0


def test_more_requests_than_the_limit_in_flight_are_refused_and_probes_are_not(tmp_path: Path) -> None:
    with serving(tmp_path, {"inFlightLimit": 2}) as server, ThreadPoolExecutor(2) as clients:
        slow = [clients.submit(server.status_of, "/?milliseconds=1500") for _ in range(2)]
        eventually(lambda: server.metrics()["requests_in_flight"] == 2, "two are in flight", server, 1.4)
        status, headers, body = server.get("/")
        assert (status, headers["retry-after"], body) == (503, "1", "Service Unavailable")
        assert server.status_of("/healthz") == 200
        assert [each.result() for each in slow] == [200, 200]
        assert server.status_of("/") == 200
        metrics = server.metrics()
        assert metrics['requests_shed_total{reason="in_flight"}'] == 1
        assert metrics['request_duration_seconds_count{outcome="shed"}'] == 1
        assert metrics['request_duration_seconds_count{outcome="2xx"}'] == 3
        assert metrics["requests_started_total"] == 4


def test_a_loop_that_is_late_refuses_what_queued_up_meanwhile(tmp_path: Path) -> None:
    with serving(tmp_path, {"loopLagLimitMilliseconds": 100}) as server, ThreadPoolExecutor(6) as clients:
        asked = [clients.submit(server.status_of, "/blocking?milliseconds=400") for _ in range(6)]
        statuses = sorted(each.result() for each in asked)
        assert statuses[0] == 200
        assert statuses[-1] == 503
        assert server.metrics()['requests_shed_total{reason="loop_lag"}'] == statuses.count(503)
        assert server.status_of("/healthz") == 200
        eventually(lambda: server.status_of("/") == 200, "it lets in again once it is on time", server, 3)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_the_wait_for_a_blocked_loop_is_part_of_the_answers_time(loop: str, tmp_path: Path) -> None:
    with serving(tmp_path, {}, loop=loop) as server, ThreadPoolExecutor(2) as clients:
        asked = [clients.submit(server.status_of, "/blocking?milliseconds=500") for _ in range(2)]
        assert [each.result() for each in asked] == [200, 200]
        counted = server.metrics()['request_duration_seconds_sum{outcome="2xx"}']
        assert counted > 1.3  # 0.5 for the one that was first, 1.0 for the other


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_new_connections_beyond_what_the_loop_can_do_do_not_keep_probes_waiting(loop: str, tmp_path: Path) -> None:
    """uvloop takes in one connection a turn: the queue is the kernel's then, and the loop is never late."""
    with (
        serving(tmp_path, {"loopLagLimitMilliseconds": 150}, loop=loop) as server,
        ThreadPoolExecutor(_CLIENTS) as clients,
    ):
        asked = [clients.submit(_ask_for, server, "/blocking?milliseconds=20", seconds=5) for _ in range(_CLIENTS)]
        waits = []
        while not all(each.done() for each in asked):
            began = time.monotonic()
            assert server.status_of("/healthz") == 200
            waits.append(time.monotonic() - began)
            time.sleep(0.1)
        statuses = [status for each in asked for status in each.result()]
        assert statistics.median(waits) < 0.5  # they would wait for all other clients: 1.2 s
        assert statuses.count(200) > 0.5 * 5 / 0.02
        assert server.metrics()['requests_shed_total{reason="loop_lag"}'] == statuses.count(503)


@pytest.mark.parametrize(("http_parser", "loop"), PARSERS)
def test_a_share_of_the_answers_closes_its_connection(http_parser: str, loop: str, tmp_path: Path) -> None:
    with serving(tmp_path, {"closeConnectionsShare": "0.25"}, http_parser, loop) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
        closed = 0
        for _ in range(20):
            connection.request("GET", "/")  # opens a new connection where the last answer closed it
            answer = connection.getresponse()
            answer.read()
            closed += answer.getheader("connection") == "close"
        connection.close()
        assert closed == 5


@pytest.mark.parametrize(("http_parser", "loop"), PARSERS)
def test_the_keep_alive_time_holds_for_connections_that_are_open_already(
    http_parser: str, loop: str, tmp_path: Path
) -> None:
    with (
        serving(tmp_path, {}, http_parser, loop) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=3) as connection,
    ):
        server.write_settings({"generation": 2, "timeoutKeepAliveSeconds": 1})
        eventually(lambda: server.generation() == 2, "the later settings hold", server, 3)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")
        while connection.recv(4096):
            pass  # the answer, then the end: within the 3 s of this socket, where uvicorn's default is 5


def test_a_process_that_has_served_enough_drains_before_it_ends(tmp_path: Path) -> None:
    with serving(tmp_path, {"maxRequests": 100, "drainSeconds": 2}) as server, ThreadPoolExecutor(1) as client:
        for _ in range(50):
            server.status_of("/healthz")  # not counted
        assert server.metrics()["draining"] == 0
        for _ in range(111):  # a hundred and the most that jitter adds, and one
            assert server.status_of("/") == 200
        eventually(lambda: server.status_of("/readyz") == 503, "it is not ready any more", server, 2)
        status, headers, _ = server.get("/")
        assert (status, headers["connection"]) == (200, "close")
        assert server.status_of("/healthz") == 200
        slow = client.submit(server.status_of, "/?milliseconds=3000")  # still runs when the listener closes
        assert server.process.wait(timeout=PATIENCE_SECONDS) == 0
        assert slow.result() == 200


def test_settings_that_expire_give_way_to_the_start_values(tmp_path: Path) -> None:
    expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 4))
    with serving(tmp_path, {"threads": 9, "expiresAt": expiry}) as server:
        assert server.metrics()["thread_pool_limit"] == 9
        eventually(lambda: server.generation() == 0, "they have expired", server, 8)
        assert server.metrics()["thread_pool_limit"] == 40


def test_a_websocket_passes_untouched(tmp_path: Path) -> None:
    with serving(tmp_path, {"inFlightLimit": 1, "closeConnectionsShare": "0.5"}) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(
                b"GET /echo HTTP/1.1\r\nHost: app\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            assert b"101 Switching Protocols" in connection.recv(4096)
            connection.sendall(b"\x81\x82\x00\x00\x00\x00hi")  # one text frame, masked with zeros
            assert b"hi" in connection.recv(4096)
        assert server.metrics()["requests_started_total"] == 0


def _ask_for(server: Server, path: str, *, seconds: float) -> list[int]:
    """The statuses of one request after the other; who is refused waits for a moment, as clients do."""
    end, statuses = time.monotonic() + seconds, []
    while time.monotonic() < end:
        statuses.append(server.status_of(path))
        if statuses[-1] == 503:
            time.sleep(0.2)
    return statuses


def _blocked_by(server: Server, function: str) -> float:
    return sum(
        seconds
        for sample, seconds in server.metrics().items()
        if sample.startswith("loop_blocked_seconds_total") and "app.py:" in sample and f" {function}" in sample
    )
