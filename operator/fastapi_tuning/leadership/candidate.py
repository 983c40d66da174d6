"""When a candidate may take the lease, and until when it may act on it. Pure; the rules of client-go's leaderelection.

Clocks are not compared: a candidate counts, by its own monotonic clock, how long the lease has not changed. A holder
counts from before it asked for a renewal, the others from after they saw it, so the holder always gives up first:

    renewal asked for ── 10 s ──→ the holder begins no write ── 3.5 s ──→ its last one is over
      └─ it is written, and seen ── 15 s ──→ another takes over

No clock may run faster than another by more than half (15 s against 10 s) for the beginning of a write, and by more
than a ninth (15 s against 13.5 s) for its end; quartz is good to a ten-thousandth.
"""

from dataclasses import dataclass, field, replace

from fastapi_tuning.leadership.lease import Lease

_WRITES_END = 0.9
"""As a share of the lease: what is left is for clocks that differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The times of an election; the defaults are those of Kubernetes' own components.

    Raises:
        ValueError: a holder would still act when another takes over, or have no second try.
    """

    lease_seconds: int = 15
    """How long the others wait for a silent holder."""
    renew_deadline_seconds: float = 10.0
    """How long after its last renewal a holder still acts."""
    retry_seconds: float = 2.0
    """From the beginning of one try to that of the next."""

    def __post_init__(self) -> None:
        if not 0 < 2 * self.retry_seconds <= self.renew_deadline_seconds < self.writes_end_seconds:
            raise ValueError(f"2 × retry ≤ renew deadline < {_WRITES_END} × lease does not hold: {self}")

    @property
    def writes_end_seconds(self) -> float:
        """How long after the last renewal the last write is over."""
        return _WRITES_END * self.lease_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What one operator knows of the lease. Every time is one of its own monotonic clock, in seconds."""

    identity: str
    timing: Timing = field(default_factory=Timing)
    lease: Lease | None = None
    """As last read or written; None: it has to be read."""
    changed_at: float = 0.0
    """When it was first seen as it is."""
    renewed_at: float | None = None
    """When that request began which last made it ours; None: it is not, or not for sure."""

    def leads(self, at: float) -> bool:
        """Whether a write may begin."""
        return self.renewed_at is not None and at < self.renewed_at + self.timing.renew_deadline_seconds

    def write_seconds(self, at: float) -> float:
        """How long a write that begins now may take, so that it ends before another can lead; 0: none may begin."""
        if self.renewed_at is None or not self.leads(at):
            return 0.0
        return self.renewed_at + self.timing.writes_end_seconds - at

    def at_most_while_leading(self, seconds: float, at: float) -> float:
        """That long, but not beyond the end of our time to act, of which others have to hear at once."""
        if self.renewed_at is None:
            return seconds
        return min(seconds, self.renewed_at + self.timing.renew_deadline_seconds - at)

    def may_claim(self, at: float) -> bool:
        """Whether the lease is free, ours, or has not changed for as long as its holder promised to renew it in."""
        if self.lease is None:
            return False
        return self._may_have(self.lease) or at >= self.changed_at + self.lease.duration_seconds

    def saw(self, lease: Lease, at: float) -> "Candidate":
        """It was read; `at` is when the answer had come."""
        changed = self.lease is None or lease.version != self.lease.version
        kept = self.renewed_at if lease.holder == self.identity else None
        return replace(self, lease=lease, changed_at=at if changed else self.changed_at, renewed_at=kept)

    def claimed(self, lease: Lease, begun_at: float, at: float) -> "Candidate":
        """Our write was accepted; `begun_at` is when we began to ask for it."""
        return replace(self, lease=lease, changed_at=at, renewed_at=begun_at)

    def in_doubt(self) -> "Candidate":
        """A try failed, perhaps after it was written: a holder reads before it writes again."""
        return self if self.renewed_at is None else replace(self, lease=None)

    def lapsed(self, at: float) -> "Candidate":
        """What is left once the time to act is over."""
        return self if self.leads(at) else replace(self, renewed_at=None)

    def next_try_at(self, begun_at: float) -> float:
        """When to try again after a try that began then: at once when the lease is over, ours or another's."""
        later = begun_at + self.timing.retry_seconds
        if self.renewed_at is not None:
            return min(later, self.renewed_at + self.timing.renew_deadline_seconds)
        if self.lease is None or self._may_have(self.lease):
            return later
        over = self.changed_at + self.lease.duration_seconds
        return min(later, over) if over > begun_at else later

    def _may_have(self, lease: Lease) -> bool:
        return lease.is_free or lease.holder == self.identity
