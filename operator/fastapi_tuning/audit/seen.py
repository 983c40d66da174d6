"""What the checks ask of the metrics, and what is said where there are none. Pure."""

from fastapi_tuning.audit.facts import Facts, Unread
from fastapi_tuning.control.observation import NoData, NoTraffic, PodTraffic, Traffic

UNREAD_AGENT = Unread(
    id="unread-agent",
    what="What only the agent sees",
    why="the pods export no metrics of the agent",
    fix="# let the agent into the pods (docs/live-tuning.md), or in the app:\nfastapi_tuning_agent.install(app)",
)


def samples(facts: Facts) -> Traffic | NoTraffic | Unread:
    """The service as its metrics show it."""
    signals = facts.seen.signals
    return _unread_now(signals.message) if isinstance(signals, NoData) else signals


def traffic(facts: Facts) -> Traffic | Unread:
    """The service under load; one that nobody calls now shows nothing."""
    found = samples(facts)
    return _unread_now("no requests in the window") if isinstance(found, NoTraffic) else found


def pods_seen(facts: Facts) -> tuple[PodTraffic, ...] | Unread:
    """Its pods under load."""
    found = traffic(facts)
    return found if isinstance(found, Unread) else found.pods


def _unread_now(why: str) -> Unread:
    return Unread(id="unread-load", what="The service under load", why=why, fix="# audit it while it is used")
