"""History → History: what one observation adds to the memory that lives in the object's status."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from fastapi_tuning.api.status import History, Learned, ReplicaNeed
from fastapi_tuning.control.decide import Knob, Proposal
from fastapi_tuning.control.estimate import Estimate

NEED_SLOT = timedelta(seconds=30)
"""Needs are kept as the maximum of a slot: the stabilisation window needs no finer record, and status stays small."""
_LONGEST_WINDOW = timedelta(hours=1)
_MOST_NEEDS = 128
_LARGEST_NEED = 1_000_000
"""Above all bounds that a spec can have; absurd measurements must not make a number that nobody can store."""
_LONGEST_GAP = timedelta(seconds=90)
"""A longer silence breaks the watch: the stabilisation window starts anew."""


def remember_watch(history: History, now: datetime, interval_seconds: int) -> History:
    """Note that the target was observed; a gap longer than 90 s and three intervals starts a new watch."""
    gap = max(_LONGEST_GAP, timedelta(seconds=3 * interval_seconds))
    last = history.last_observation_time
    unbroken = last is not None and now - last <= gap
    since = history.observed_since if unbroken and history.observed_since is not None else now
    return history.model_copy(update={"observed_since": since, "last_observation_time": now})


def remember_need(history: History, now: datetime, replicas: int) -> History:
    """Note how many replicas were wanted; what is older than any window goes."""
    replicas = min(replicas, _LARGEST_NEED)
    kept = [need for need in history.needs if now - need.time <= _LONGEST_WINDOW]
    if kept and now - kept[-1].time < NEED_SLOT:
        kept[-1] = ReplicaNeed(time=kept[-1].time, replicas=max(kept[-1].replicas, replicas))
    else:
        kept.append(ReplicaNeed(time=now, replicas=replicas))
    return history.model_copy(update={"needs": tuple(kept[-_MOST_NEEDS:])})


def remember_capacity(history: History, template_hash: str, estimate: Estimate, trim: float) -> History:
    """Note what was learned of a pod of this template."""
    capacity = estimate.capacity
    learned = Learned(
        template_hash=template_hash,
        service_seconds=_text(capacity.service_seconds),
        cpu_seconds_per_request=_text(capacity.cpu_seconds_per_request),
        feedback=f"{trim:.3f}",
    )
    return history.model_copy(update={"learned": learned})


def remember_worker_pods(history: History, proposals: Iterable[Proposal]) -> History:
    """Note how many pods replace the workers, once: the count is not to be multiplied again."""
    for proposal in proposals:
        if proposal.knob is Knob.REPLICAS:
            return history.model_copy(update={"pods_for_one_worker": proposal.wanted})
    return history


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
