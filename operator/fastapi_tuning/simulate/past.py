"""What the history says, as arrays: a slot for each step, NaN where nothing is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastapi_tuning.control.objective import evidence_of
from fastapi_tuning.control.observation import NoData, NoTraffic, Traffic
from fastapi_tuning.observe.history import Moment
from fastapi_tuning.simulate.scaler import FloatArray

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The service, slot by slot. A gap is NaN in all of them."""

    first_unix_seconds: int
    """Where the first slot begins."""
    slot_seconds: int
    edge_seconds: float
    """The bucket edge at which late requests were told from others."""
    offered: FloatArray
    """Requests that arrived, per second; those that finished where no agent counts arrivals."""
    finished: FloatArray
    """Requests that were answered, per second."""
    bad: FloatArray
    """Late and failed ones among the answered, per second."""
    pods: FloatArray
    """Pods that could be scraped."""

    @property
    def covered(self) -> BoolArray:
        return ~np.isnan(self.offered)

    @property
    def covered_seconds(self) -> int:
        return self.slot_seconds * int(self.covered.sum())


class NothingToReplay(ValueError):
    """The history has no request, or no stretch that is long enough; the message says which."""


def past_of(moments: Sequence[Moment], slot_seconds: int) -> Past:
    """Arrays from moments that follow each other at `slot_seconds`.

    Raises:
        NothingToReplay: there is no request in them.
    """
    edges = [moment.signals.edge_seconds for moment in moments if isinstance(moment.signals, Traffic)]
    if not edges:
        raise NothingToReplay("the history has no request in it")
    offered, finished, bad, pods = (np.full(len(moments), np.nan) for _ in range(4))
    for slot, moment in enumerate(moments):
        if moment.pods is None or isinstance(moment.signals, NoData):
            continue
        pods[slot] = moment.pods
        offered[slot], finished[slot], bad[slot] = _rates(moment.signals)
    return Past(
        first_unix_seconds=moments[0].unix_seconds - slot_seconds,
        slot_seconds=slot_seconds,
        edge_seconds=edges[-1],
        offered=offered,
        finished=finished,
        bad=bad,
        pods=pods,
    )


def _rates(signals: Traffic | NoTraffic) -> tuple[float, float, float]:
    """Offered, finished and bad: what the operator counts as evidence, in one second."""
    if isinstance(signals, NoTraffic):
        return 0.0, 0.0, 0.0
    evidence = evidence_of(signals, 1.0)
    offered = max(0.0, evidence.requests + signals.queue_growth_per_second)
    return offered, evidence.requests, min(evidence.requests, evidence.late + evidence.failed)


def stretches(covered: BoolArray) -> list[tuple[int, int]]:
    """(first slot, end) of each stretch without a gap, in order."""
    changes = np.flatnonzero(np.diff(np.concatenate(([False], covered, [False])).astype(np.int8)))
    return [(int(first), int(end)) for first, end in zip(changes[::2], changes[1::2], strict=True)]


def rates_by_second(past: Past, first: int, end: int) -> FloatArray:
    """Requests per second for each second of the slots, in straight lines between the slots' middles."""
    seconds = np.arange((end - first) * past.slot_seconds) + 0.5
    middles = (np.arange(end - first) + 0.5) * past.slot_seconds
    return np.asarray(np.interp(seconds, middles, past.offered[first:end]))


def pod_changes(past: Past, first: int, end: int, *, lead_seconds: float) -> list[tuple[float, int]]:
    """A timetable of replicas, in seconds from the first slot's begin.

    A change was seen at the end of its slot and placed in the middle. A pod is asked for `lead_seconds` before it was
    seen, since it takes so long to become ready.
    """
    pods = past.pods[first:end].astype(int)
    changes = [(0.0, int(pods[0]))]
    for slot in np.flatnonzero(np.diff(pods)) + 1:
        middle = (float(slot) + 0.5) * past.slot_seconds
        lead = lead_seconds if pods[slot] > pods[slot - 1] else 0.0
        changes.append((max(changes[-1][0], middle - lead), int(pods[slot])))
    return changes
