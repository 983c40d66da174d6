"""Metrics: that they are there, of every pod, and fine enough for the objective. Pure."""

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.audit.facts import Facts, Unread
from fastapi_tuning.audit.finding import Violation
from fastapi_tuning.audit.seen import samples, traffic
from fastapi_tuning.control.observation import NoData, Traffic

_MISSING = (Reason.NOT_SCRAPED, Reason.SOURCE_UNKNOWN, Reason.UNUSABLE_SAMPLES)
_ROUNDING = 1e-6
_INSTRUMENT = (
    "# in the app (prometheus-fastapi-instrumentator), scraped with the labels namespace and pod\n"
    "Instrumentator().instrument(app).expose(app)"
)


def none_to_judge_by(facts: Facts) -> Violation | Unread | None:
    """Without a latency histogram nobody knows whether the objective holds."""
    signals = facts.seen.signals
    if isinstance(signals, NoData) and signals.reason in _MISSING:
        return Violation(evidence=signals.message, fix=_INSTRUMENT)
    if isinstance(signals, NoData) and signals.reason is Reason.BUCKET_MISSING:
        return None
    found = samples(facts)
    return found if isinstance(found, Unread) else None


def partly_scraped(facts: Facts) -> Violation | Unread | None:
    """Sums over too few pods are too low."""
    found = samples(facts)
    if isinstance(found, Unread):
        return found
    if isinstance(facts.pods, Unread):
        return facts.pods
    ready = sum(pod.ready for pod in facts.pods)
    if found.scraped_pods >= ready:
        return None
    return Violation(
        evidence=f"{found.scraped_pods} of {ready} ready pods are scraped",
        fix=f'# targets that are down\nup{{namespace="{facts.namespace}",pod=~"{facts.deployment}-.*"}} == 0',
    )


def no_edge_below_objective(facts: Facts) -> Violation | Unread | None:
    """A histogram tells latencies apart only at its bucket edges."""
    signals = facts.seen.signals
    if isinstance(signals, NoData) and signals.reason is Reason.BUCKET_MISSING:
        return Violation(evidence=signals.message, fix=_edges(facts))
    found = traffic(facts)
    return found if isinstance(found, Unread) else None


def edge_beside_objective(facts: Facts) -> Violation | Unread | None:
    """The service is then held to a stricter objective than was asked for."""
    found, tuning = traffic(facts), facts.tuning
    if tuning is None:
        return None
    if isinstance(found, Unread):
        return found
    threshold = tuning.spec.objectives.latency.threshold_seconds
    if abs(found.edge_seconds - threshold) < _ROUNDING:
        return None
    return Violation(
        evidence=f"the objective is {threshold * 1000:.0f} ms, the nearest bucket edge below it {_ms(found)} ms",
        fix=_edges(facts),
    )


def _ms(found: Traffic) -> str:
    return f"{found.edge_seconds * 1000:g}"


def _edges(facts: Facts) -> str:
    tuning = facts.tuning
    seconds = 0.5 if tuning is None else tuning.spec.objectives.latency.threshold_seconds
    return (
        "# an edge at the objective (prometheus-fastapi-instrumentator)\n"
        f"metrics.default(latency_highr_buckets=(0.05, 0.1, 0.25, {seconds:g}, 1, 2.5, 5, 10))"
    )
