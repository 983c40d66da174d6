"""Does the objective hold? Judged at a bucket edge, never by interpolation, and only on significant evidence."""

import math
from enum import StrEnum

from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.control.burn import Evidence
from fastapi_tuning.control.observation import LatencyBucket, Traffic

LEAST_REQUESTS = 100
"""Below this many requests a percentile is noise: then evidence is gathered over more than one window."""


class Verdict(StrEnum):
    """Whether the objective holds, as far as the evidence goes."""

    MET = "Met"
    MISSED = "Missed"
    TOO_FEW_REQUESTS = "TooFewRequests"


def evidence_of(traffic: Traffic, seconds: float) -> Evidence:
    """Requests of `seconds` at the rates of the window. What was shed was offered, and counts as failed."""
    shed = traffic.shed_per_second or 0.0
    return Evidence(
        requests=seconds * (traffic.requests_per_second + shed),
        late=seconds * max(0.0, traffic.requests_per_second - traffic.fast_per_second),
        failed=seconds * (traffic.failed_per_second + shed),
    )


def judge(traffic: Traffic, gathered: Evidence, objectives: Objectives) -> Verdict:
    """The verdict on the window; at low traffic on what was gathered since the last move, at most an hour."""
    window = evidence_of(traffic, traffic.window_seconds)
    evidence = window if window.requests >= LEAST_REQUESTS else gathered
    if evidence.requests < LEAST_REQUESTS:
        return Verdict.TOO_FEW_REQUESTS
    average_limit = objectives.average_latency_milliseconds
    slow_on_average = average_limit is not None and traffic.average_latency_seconds * 1000 > average_limit
    return Verdict.MISSED if slow_on_average or evidence.burns(objectives, 1.0) else Verdict.MET


def quantile(buckets: tuple[LatencyBucket, ...], ratio: float) -> float | None:
    """Latency for people to read, in seconds: linear inside the bucket, as Prometheus does it.

    None without buckets; the lower edge of +Inf when the quantile lies beyond the last finite edge. No verdict uses
    it.
    """
    if not buckets or buckets[-1].requests_per_second <= 0:
        return None
    rank = ratio * buckets[-1].requests_per_second
    lower_seconds, lower_count = 0.0, 0.0
    for bucket in buckets:
        if bucket.requests_per_second >= rank:
            if math.isinf(bucket.upper_seconds):
                return lower_seconds
            inside = bucket.requests_per_second - lower_count
            share = (rank - lower_count) / inside if inside > 0 else 1.0
            return lower_seconds + share * (bucket.upper_seconds - lower_seconds)
        lower_seconds, lower_count = bucket.upper_seconds, bucket.requests_per_second
    return lower_seconds
