"""Code that keeps the event loop from running. Pure."""

from fastapi_tuning.audit.facts import Facts, Unread
from fastapi_tuning.audit.finding import Violation

_NOTICEABLE_SHARE = 0.01
"""Of the last hour of a pod."""
_MOST_TOLD = 3
_HOUR_SECONDS = 3600


def blocking_calls(facts: Facts) -> Violation | Unread | None:
    """While a call blocks in `async def`, every other request of the pod waits, and so do its probes."""
    places = facts.seen.blocking
    if isinstance(places, Unread):
        return places
    total = sum(place.blocked_seconds for place in places)
    if total < _NOTICEABLE_SHARE * _HOUR_SECONDS * max(1, facts.replicas):
        return None
    worst = sorted(places, key=lambda place: place.blocked_seconds, reverse=True)[:_MOST_TOLD]
    told = "; ".join(f"{place.where} {place.blocked_seconds:.0f} s" for place in worst)
    return Violation(
        evidence=f"the event loops of {facts.replicas} pods stood still for {total:.0f} s of the last hour: {told}",
        fix="# make the endpoint `def`, or hand the call to a thread:\nawait anyio.to_thread.run_sync(call)",
    )
