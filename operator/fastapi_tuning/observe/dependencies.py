"""What the agents measure of the databases, caches and services that their pods call."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from fastapi_tuning.control.observation import DatabasePool, Dependencies, OutboundPeer, PeerKind
from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe import queries
from fastapi_tuning.observe.prometheus import PrometheusReader, Sample
from fastapi_tuning.observe.signals import PodKey, is_plausible, noticeable

WINDOW_SECONDS = 60
MOST_NAMED = 60
"""Pools, or peers, of one target: agents name twenty of a kind, and who exports more is no agent of ours."""

_NAME_LENGTH = 200
_KINDS = {kind.value: kind for kind in PeerKind}


def read_dependencies(reader: PrometheusReader, where: str, at: datetime) -> dict[PodKey, Dependencies]:
    """By pod, in one query. Empty, too, where Prometheus gives no answer: nothing depends on it to go on."""
    try:
        samples = reader.query(queries.dependencies(where, WINDOW_SECONDS), at)
    except MetricsUnavailable:
        return {}
    measured: dict[PodKey, dict[_Peer, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for sample in samples:
        measured[sample.pod][_peer(sample)][_measure(sample)] = sample.value
    found = {pod: _dependencies(peers) for pod, peers in measured.items()}
    return {pod: each for pod, each in found.items() if each.pools or each.peers}


def summed(pods: Iterable[Dependencies]) -> Dependencies | None:
    """Of several pods together; None of none."""
    pools: dict[str, DatabasePool] = {}
    peers: dict[tuple[PeerKind, str], OutboundPeer] = {}
    for pod in pods:
        for pool in pod.pools:
            pools[pool.peer] = _pools_together(pools[pool.peer], pool) if pool.peer in pools else pool
        for peer in pod.peers:
            key = peer.kind, peer.peer
            peers[key] = _peers_together(peers[key], peer) if key in peers else peer
    if not pools and not peers:
        return None
    return Dependencies(
        pools=tuple(sorted(pools.values(), key=lambda pool: (-pool.wait_seconds_per_second, pool.peer))[:MOST_NAMED]),
        peers=tuple(sorted(peers.values(), key=lambda peer: (-peer.seconds_per_second, peer.peer))[:MOST_NAMED]),
    )


class _Peer(NamedTuple):
    kind: PeerKind | None
    """None: a pool, or a kind that nobody knows."""
    name: str


def _peer(sample: Sample) -> _Peer:
    return _Peer(_KINDS.get(sample.labels.get("kind", "")), sample.labels.get("peer", "")[:_NAME_LENGTH])


def _measure(sample: Sample) -> str:
    return " ".join(filter(None, (sample.labels.get(queries.MEASURE, ""), sample.labels.get("outcome", ""))))


def _dependencies(measured: Mapping[_Peer, Mapping[str, float]]) -> Dependencies:
    """Of one pod. What is not known in full (a series that has just begun, a number that is none) is left out."""
    named = [(peer, values) for peer, values in measured.items() if peer.name]
    pools = (_pool(peer.name, values) for peer, values in named if peer.kind is None)
    peers = (_outbound(peer.kind, peer.name, values) for peer, values in named if peer.kind is not None)
    return Dependencies(
        pools=tuple(pool for pool in pools if pool is not None),
        peers=tuple(peer for peer in peers if peer is not None),
    )


def _pool(name: str, values: Mapping[str, float]) -> DatabasePool | None:
    known = _all_of(("size", "checked_out", "waiting", "wait_seconds"), values)
    if known is None:
        return None
    size, checked_out, waiting, wait_seconds = known
    return DatabasePool(
        peer=name, size=size, checked_out=checked_out, waiting=waiting, wait_seconds_per_second=wait_seconds
    )


def _outbound(kind: PeerKind, name: str, values: Mapping[str, float]) -> OutboundPeer | None:
    known = _all_of(("calls ok", "calls error", "seconds", "in_flight"), values)
    if known is None:
        return None
    succeeded, failed, seconds, in_flight = known
    return OutboundPeer(
        kind=kind,
        peer=name,
        calls_per_second=succeeded + failed,
        failed_per_second=failed,
        seconds_per_second=seconds,
        in_flight=in_flight,
    )


def _all_of(names: tuple[str, ...], values: Mapping[str, float]) -> tuple[float, ...] | None:
    if not all(name in values and is_plausible(values[name]) for name in names):
        return None
    return tuple(noticeable(values[name]) for name in names)


def _pools_together(one: DatabasePool, other: DatabasePool) -> DatabasePool:
    return replace(
        one,
        size=one.size + other.size,
        checked_out=one.checked_out + other.checked_out,
        waiting=one.waiting + other.waiting,
        wait_seconds_per_second=one.wait_seconds_per_second + other.wait_seconds_per_second,
    )


def _peers_together(one: OutboundPeer, other: OutboundPeer) -> OutboundPeer:
    return replace(
        one,
        calls_per_second=one.calls_per_second + other.calls_per_second,
        failed_per_second=one.failed_per_second + other.failed_per_second,
        seconds_per_second=one.seconds_per_second + other.seconds_per_second,
        in_flight=one.in_flight + other.in_flight,
    )
