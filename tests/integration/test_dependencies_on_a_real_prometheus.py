"""What two agents measure of their pods' dependencies, through a real Prometheus: the query that no fake can judge."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

from fastapi_tuning.control.observation import Dependencies, PeerKind
from fastapi_tuning.observe import queries
from fastapi_tuning.observe.dependencies import read_dependencies, summed
from fastapi_tuning.observe.prometheus import PrometheusClient, PrometheusEndpoint
from fastapi_tuning_agent import report
from fastapi_tuning_agent.accounts import Accounts
from fastapi_tuning_agent.connection_pools import ConnectionPools
from fastapi_tuning_agent.exposition import text_of
from fastapi_tuning_agent.metrics_server import MetricsServer
from tests.integration.control_plane import free_port
from tests.integration.real_prometheus import running_prometheus

CALLS_PER_SECOND = 20
PATIENCE_SECONDS = 60


@contextmanager
def pod(folder: Path) -> Iterator[int]:
    """The port of a pod that calls two peers, one call in four in vain, and waits for one connection all the time."""
    calls, pools, ends = Accounts(), ConnectionPools(), threading.Event()
    engine = create_engine(f"sqlite:///{folder / 'shop.db'}", poolclass=QueuePool, pool_size=3, max_overflow=4)
    pools.peer_of(engine)
    waits = pools.waits_at(engine.pool._pool)  # type: ignore[attr-defined]
    assert waits is not None
    waits.begin()

    def call() -> None:
        number = 0
        while not ends.wait(1 / CALLS_PER_SECOND):
            for account in (calls.account("HTTP", "api:443"), calls.account("Cache", "redis:6379")):
                account.end(account.begin(), failed=number % 4 == 0)
            number += 1

    port = free_port()
    server = MetricsServer(
        "127.0.0.1",
        port,
        page=lambda: text_of({**report.of_outbound(calls), **report.of_connection_pools(pools)}),
        profile=lambda _: None,
    )
    caller = threading.Thread(target=call)
    caller.start()
    with engine.connect():
        yield port
    ends.set()
    caller.join()
    server.close()
    engine.dispose()


def test_dependencies_of_two_pods_are_read_in_one_query(tmp_path: Path) -> None:
    with ExitStack() as stack:
        pods = {f"shop-{number}": stack.enter_context(pod(tmp_path)) for number in range(2)}
        prometheus = stack.enter_context(running_prometheus(tmp_path, pods, "shop"))
        client = PrometheusClient(PrometheusEndpoint(url=prometheus.url))
        found = _found(client)
    (pool,) = found.pools
    assert (pool.peer, pool.size, pool.checked_out, pool.waiting) == (str(tmp_path / "shop.db"), 14, 2, 2)
    assert 0.5 < pool.wait_seconds_per_second < 2.5
    assert {(peer.kind, peer.peer) for peer in found.peers} == {
        (PeerKind.HTTP, "api:443"),
        (PeerKind.CACHE, "redis:6379"),
    }
    for peer in found.peers:
        assert 0 < peer.calls_per_second < 2 * 1.5 * CALLS_PER_SECOND
        assert 0.1 < peer.failed_per_second / peer.calls_per_second < 0.4


def _found(client: PrometheusClient) -> Dependencies:
    """Once both pods have been scraped for as long as a rate needs to be told well."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        by_pod = read_dependencies(client, queries.selector(["shop"]), datetime.now(UTC))
        found = summed(by_pod.values())
        if found is not None and len(by_pod) == 2 and found.pools and found.pools[0].wait_seconds_per_second > 0.5:
            return found
        time.sleep(0.5)
    raise AssertionError("Prometheus does not show both pods")
