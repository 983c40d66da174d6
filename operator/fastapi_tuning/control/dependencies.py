"""What the pods wait for: numbers that make sense, and how quick a peer is when nothing is overloaded."""

import math
from dataclasses import astuple

from fastapi_tuning.api.status import Learned, PeerBaseline, number_of, text_of
from fastapi_tuning.control.observation import DatabasePool, Dependencies, OutboundPeer, Traffic

_MOST_PEERS, _NAME_LENGTH = 8, 253
"""As the schema of the status has it."""
_SLOWER_SECONDS = 3600.0
"""Time constant with which a baseline follows a peer that has become slower for good; it follows a quicker one at
once."""


def sound(dependencies: Dependencies | None) -> Dependencies | None:
    """Without the entries of which a number is not finite or is negative."""
    if dependencies is None:
        return None
    return Dependencies(
        pools=tuple(pool for pool in dependencies.pools if _is_sound(pool)),
        peers=tuple(peer for peer in dependencies.peers if _is_sound(peer)),
    )


def _is_sound(entry: DatabasePool | OutboundPeer) -> bool:
    return all(math.isfinite(value) and value >= 0 for value in astuple(entry) if isinstance(value, float | int))


def pool_of_a_pod(dependencies: Dependencies | None, traffic: Traffic) -> DatabasePool | None:
    """The pool whose wait is longest, its numbers those of one pod; None where there is none."""
    found = sound(dependencies)
    pools = () if found is None else found.pools
    pods = max(1, traffic.scraped_pods)
    worst = max(pools, key=lambda pool: (pool.wait_seconds_per_second, pool.waiting), default=None)
    if worst is None:
        return None
    return DatabasePool(
        peer=worst.peer,
        size=worst.size / pods,
        checked_out=worst.checked_out / pods,
        waiting=worst.waiting / pods,
        wait_seconds_per_second=worst.wait_seconds_per_second / pods,
    )


def learn_peers(learned: Learned, dependencies: Dependencies | None, elapsed_seconds: float) -> Learned:
    """How long a call takes; to be called only while the pods are not overloaded."""
    found = sound(dependencies)
    if found is None:
        return learned
    called = [peer for peer in found.peers if peer.calls_per_second > 0]
    busiest = sorted(called, key=lambda peer: -peer.seconds_per_second)[:_MOST_PEERS]
    known = {(each.kind, each.peer): number_of(each.call_seconds) for each in learned.peers}
    baselines = {_key(peer): _followed(known.get(_key(peer)), peer, elapsed_seconds) for peer in busiest}
    kept = {key: seconds for key, seconds in known.items() if key not in baselines}
    peers = tuple(
        PeerBaseline(kind=kind, peer=peer, call_seconds=text_of(seconds))
        for (kind, peer), seconds in (*baselines.items(), *kept.items())
    )
    return learned.model_copy(update={"peers": peers[:_MOST_PEERS]})


def baseline_of(peer: OutboundPeer, learned: Learned) -> float | None:
    """Seconds that a call took while the pods were not overloaded; None where that was never seen."""
    known = {(each.kind, each.peer): number_of(each.call_seconds) for each in learned.peers}
    return known.get(_key(peer))


def _key(peer: OutboundPeer) -> tuple[str, str]:
    return peer.kind, peer.peer[:_NAME_LENGTH]


def _followed(known: float | None, peer: OutboundPeer, elapsed_seconds: float) -> float:
    now = peer.seconds_per_second / peer.calls_per_second
    if known is None or now <= known:
        return now
    return known + min(1.0, elapsed_seconds / _SLOWER_SECONDS) * (now - known)
