"""A Lease of coordination.k8s.io/v1 as candidates read and write it. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
_RELEASED_SECONDS = 1
"""The duration that a lease is handed on with, by client-go too: the API server wants one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What the API server has; its times are of other people's clocks, so only people read them."""

    version: str
    """Changes with every write, whoever made it."""
    holder: str
    """Empty: nobody's."""
    duration_seconds: int
    """How long the holder may be silent before another takes its place."""
    acquired: str
    """When this holder got it, as RFC 3339; empty if nobody ever did."""
    transitions: int
    """How often it went from one holder to another."""

    @property
    def is_free(self) -> bool:
        """Never held, or handed on in order. One whose holder somebody else took out may still be acted on."""
        return not self.holder and self.duration_seconds <= _RELEASED_SECONDS


def lease_of(body: Json) -> Lease:
    """Read one; a Lease that nobody has ever held has no spec."""
    spec = body.get("spec") or {}
    return Lease(
        version=body["metadata"]["resourceVersion"],
        holder=spec.get("holderIdentity") or "",
        duration_seconds=spec.get("leaseDurationSeconds") or 0,
        acquired=spec.get("acquireTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
    )


def claim(lease: Lease, identity: str, duration_seconds: int, now: datetime) -> Json:
    """Merge patch that makes it ours, or says that it still is; refused if anybody wrote since it was read."""
    ours = lease.holder == identity
    return _patch(
        lease,
        holderIdentity=identity,
        leaseDurationSeconds=duration_seconds,
        acquireTime=lease.acquired if ours and lease.acquired else micro_time(now),
        renewTime=micro_time(now),
        leaseTransitions=lease.transitions + (not ours),
    )


def release(lease: Lease, now: datetime) -> Json:
    """Merge patch that leaves it to whoever comes next; refused if anybody wrote since it was read."""
    return _patch(lease, holderIdentity="", leaseDurationSeconds=_RELEASED_SECONDS, renewTime=micro_time(now))


def micro_time(at: datetime) -> str:
    """As the type MicroTime wants it: six digits, no more and no fewer."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _patch(lease: Lease, **spec: object) -> Json:
    return {"metadata": {"resourceVersion": lease.version}, "spec": spec}
