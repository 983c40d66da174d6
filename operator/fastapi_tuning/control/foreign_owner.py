"""Somebody else who moves what we would move, as it was observed or worked out."""

from dataclasses import dataclass
from datetime import datetime

from fastapi_tuning.api.freeze import Direction
from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.control.knobs import COUNTS_OF_PODS, Knob, Proposal

OWNABLE = tuple(knob for knob in Knob if knob is not Knob.CEILING)
"""Whoever has the replicas has the bounds of their autoscaler, too."""
SETTINGS = tuple(knob for knob in OWNABLE if knob is not Knob.REPLICAS)
"""What goes through the pod template where it does not go live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOwner:
    """Whose a field of the target is, and which knobs are left to that owner."""

    reason: Reason
    field: str
    """Path in the target."""
    owner: str
    """A field manager with its operation, or kind and name of an object."""
    knobs: tuple[Knob, ...]
    """None: nothing is held."""
    direction: Direction = Direction.BOTH
    """Which moves of replicas are held."""
    until: datetime | None = None
    """When we go on; None: when the owner gives the field up."""
    mixes_versions: bool = False
    """Whether requests go to two versions of the app meanwhile, so that nothing can be learned."""

    @property
    def told(self) -> str:
        """For people, with the exact field and its owner."""
        end = "" if self.until is None else f", until {self.until.isoformat(timespec='seconds')}"
        return f"{self.field} is owned by {self.owner}{end}"

    def holds(self, proposal: Proposal) -> bool:
        """Whether the proposal is left to this owner."""
        knob = Knob.REPLICAS if proposal.knob in COUNTS_OF_PODS else proposal.knob
        return knob in self.knobs and in_direction(proposal, self.direction)


def in_direction(proposal: Proposal, direction: Direction) -> bool:
    """Whether a direction covers a move: both cover all, one covers moves of replicas, or their bounds, its way."""
    if direction is Direction.BOTH:
        return True
    down = direction is Direction.SCALE_IN
    return proposal.knob in COUNTS_OF_PODS and (proposal.is_down if down else proposal.is_up)
