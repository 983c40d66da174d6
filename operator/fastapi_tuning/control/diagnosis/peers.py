"""Peers that requests wait for: how much of a request is theirs, and whether they are slower than they were."""

from collections.abc import Iterable

from fastapi_tuning.api.status import LimitingFactor
from fastapi_tuning.control.dependencies import baseline_of
from fastapi_tuning.control.diagnosis.case import Case, Suspicion, milliseconds, rise
from fastapi_tuning.control.diagnosis.database_pool import wait_seconds
from fastapi_tuning.control.observation import OutboundPeer, PeerKind

_LEAST_SECONDS = 1e-9
_HANGING_CALLS, _HANGING_RATIO = 10.0, 3.0
"""More calls under way than this, and than the ended ones explain even at a burst, do not come back."""


def database(case: Case) -> Suspicion | None:
    """A database or cache that takes most of a request, is slower than it was, or fails."""
    return _worst(case, (PeerKind.DATABASE, PeerKind.CACHE), LimitingFactor.DATABASE)


def external_api(case: Case) -> Suspicion | None:
    """The same of a service that is called over HTTP."""
    return _worst(case, (PeerKind.HTTP,), LimitingFactor.EXTERNAL_API)


def request_share_seconds(peer: OutboundPeer, case: Case) -> float:
    """Seconds of a request that are spent in calls to the peer. A call that hangs is counted while it does."""
    ended, pending = peer.seconds_per_second, peer.in_flight
    hangs = pending > _HANGING_RATIO * ended + _HANGING_CALLS
    return (pending if hangs else ended) / case.traffic.requests_per_second


def slower(peer: OutboundPeer, case: Case) -> float | None:
    """A call's time over what it was while the pods were not overloaded; None where either is unknown."""
    if peer.calls_per_second <= 0:
        return None
    now = peer.seconds_per_second / peer.calls_per_second
    before = baseline_of(peer, case.history.learned)
    return now / before if before else None


def _worst(case: Case, kinds: Iterable[PeerKind], factor: LimitingFactor) -> Suspicion | None:
    if case.dependencies is None or not case.in_danger:
        return None
    peers = [peer for peer in case.dependencies.peers if peer.kind in kinds]
    found = [(max(_slow(peer, case), _failing(peer, case)), _told(peer, case)) for peer in peers]
    confidence, evidence = max(found, default=(0.0, ""))
    return Suspicion(factor=factor, confidence=confidence, evidence=evidence) if confidence > 0 else None


def _slow(peer: OutboundPeer, case: Case) -> float:
    """Too long in itself; slower than it was; or, unless it is as quick as ever, the reason why more pods were in vain,
    or why requests are late that wait for neither thread nor CPU."""
    if not case.is_slow_or_full:
        return 0.0
    seconds = request_share_seconds(peer, case)
    share = min(1.0, seconds / max(_LEAST_SECONDS, _whole_seconds(seconds, case)))
    too_long = rise(seconds / case.threshold_seconds, 0.4, 0.8)
    slowdown = slower(peer, case)
    slowed = rise(slowdown or 1.0, 1.5, 3.0) * rise(share, 0.15, 0.4)
    unusual = 1.0 if slowdown is None else rise(slowdown, 1.0, 1.5)
    in_vain = 0.9 * rise(share + _queue_share(peer, case), 0.25, 0.5) if case.more_was_in_vain else 0.0
    waits_for_nothing_else = case.computes_little and not case.found.queues and not case.found.shedding
    alone = 0.9 * rise(share, 0.3, 0.6) if waits_for_nothing_else else 0.0
    return 0.95 * max(too_long, slowed, unusual * in_vain, unusual * alone)


def _whole_seconds(seconds: float, case: Case) -> float:
    """Of a request. One that waits without a thread takes longer than it is in one."""
    whole = case.request_seconds
    return whole if seconds <= whole else max(whole, case.traffic.average_latency_seconds)


def _queue_share(peer: OutboundPeer, case: Case) -> float:
    """Share of a request that is the wait for a connection to the peer. Where more pods brought connections of their
    own and nothing else, it is the peer's queue."""
    if case.dependencies is None or not case.pods_were_in_vain:
        return 0.0
    waits = (wait_seconds(pool, case) for pool in case.dependencies.pools if pool.peer == peer.peer)
    return sum(waits) / max(_LEAST_SECONDS, case.request_seconds)


def _failing(peer: OutboundPeer, case: Case) -> float:
    """Its failures account for ours."""
    ours = case.traffic.failed_per_second
    if ours <= 0 or case.found.error_ratio <= case.spec.objectives.errors.max_ratio:
        return 0.0
    return 0.95 * rise(peer.failed_per_second / ours, 0.3, 0.8)


def _told(peer: OutboundPeer, case: Case) -> str:
    seconds = request_share_seconds(peer, case)
    told = [f"{peer.peer} takes {milliseconds(seconds)} of {milliseconds(case.request_seconds)} a request"]
    slowdown = slower(peer, case)
    told += [] if slowdown is None else [f"a call {slowdown:.1f} × as long as it was"]
    told += [] if peer.failed_per_second <= 0 else [f"{peer.failed_per_second:.1f} calls/s fail"]
    return ", ".join([*told, f"{peer.in_flight:.0f} in flight"])
