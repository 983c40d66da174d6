"""One step of a load test: what was offered, what came back, and whether the objective held. Pure."""

from enum import StrEnum

from fastapi_tuning.api.model import ApiModel
from fastapi_tuning.api.spec import Objectives
from fastapi_tuning.control.burn import Evidence
from fastapi_tuning.control.objective import LEAST_REQUESTS
from fastapi_tuning.load.tally import Summary

_LATE_GENERATOR = 0.1
"""Share of the latency objective."""


class Verdict(StrEnum):
    """What a step says of its level."""

    HELD = "Held"
    """No significant evidence against the objective."""
    LATE = "Late"
    """Significantly more requests were late than the objective allows, or the mean latency is above its own."""
    FAILED = "Failed"
    """Significantly more requests failed, were refused or timed out than it allows."""
    STOPPED = "Stopped"
    """So many were bad that the step was ended at once."""
    GENERATOR_LATE = "GeneratorLate"
    """Requests left late, so that lateness is not the service's alone. One that holds in spite of that holds."""
    TARGET_MOVED = "TargetMoved"
    """The pods afterwards are not those before."""
    TOO_FEW_REQUESTS = "TooFewRequests"

    @property
    def is_failure(self) -> bool:
        """Whether the service did not carry the level."""
        return self in (Verdict.LATE, Verdict.FAILED, Verdict.STOPPED)


class Step(ApiModel):
    """A level and what came of it, as the clients saw it. Latencies count from the time a request was due.

    A quantile is None where it falls among failed requests.
    """

    level: float
    """Requests per second, or users."""
    verdict: Verdict
    seconds: float
    """How long load was offered, what was offered before the judged part included."""
    pods: int
    """Ready ones, at the end."""
    offered: int
    offered_per_second: float
    served_per_second: float
    """Good answers that arrived in the judged part."""
    within_objective: float | None
    """Share (0 to 1) of the offered requests."""
    errors: int
    """Failed or refused, `shed` ones (503) among them."""
    shed: int
    timeouts: int
    bad: int
    """Failed, refused, timed out or late, what was offered before the judged part included."""
    mean_seconds: float | None
    """Of good answers."""
    p50_seconds: float | None
    p99_seconds: float | None
    generator_lag_p99_seconds: float | None


def step_of(level: float, settling: Summary, judged: Summary | None, objectives: Objectives, pods: int) -> Step:
    """The step that a generator's two lines tell; the second is missing where the first was cut short.

    Its verdict takes for granted that the pods stayed, see `moved`.
    """
    told = judged or settling
    parts = (settling,) if judged is None else (settling, judged)
    return Step(
        level=level,
        verdict=_verdict(told, objectives),
        seconds=sum(part.seconds for part in parts),
        pods=pods,
        offered=told.offered,
        offered_per_second=told.offered / told.seconds if told.seconds > 0 else 0.0,
        served_per_second=told.answered / told.seconds if told.seconds > 0 else 0.0,
        within_objective=told.share_within_objective,
        errors=told.errors,
        shed=told.shed,
        timeouts=told.timeouts,
        bad=sum(part.offered - _in_time(part) for part in parts),
        mean_seconds=told.mean_completed_seconds,
        p50_seconds=told.p50_seconds,
        p99_seconds=told.p99_seconds,
        generator_lag_p99_seconds=told.generator_lag_p99_seconds,
    )


def moved(step: Step) -> Step:
    """The same measured on pods that did not stay: it says nothing of them."""
    return step.model_copy(update={"verdict": Verdict.TARGET_MOVED})


def _in_time(summary: Summary) -> int:
    return round((summary.share_within_objective or 0.0) * summary.offered)


def _verdict(summary: Summary, objectives: Objectives) -> Verdict:
    """By the law's own measure of evidence; requests that failed are no late ones."""
    evidence = Evidence(
        requests=summary.offered,
        late=summary.completed - _in_time(summary),
        failed=summary.errors + summary.timeouts,
    )
    fails, late = (
        evidence.fails(objectives, 1.0),
        evidence.burns(objectives, 1.0) or _slow_on_average(summary, objectives),
    )
    lag = summary.generator_lag_p99_seconds or 0.0
    if (fails or late) and lag > _LATE_GENERATOR * objectives.latency.threshold_seconds:
        return Verdict.GENERATOR_LATE
    if summary.cut_short:
        return Verdict.STOPPED
    if summary.offered < LEAST_REQUESTS:
        return Verdict.TOO_FEW_REQUESTS
    if fails:
        return Verdict.FAILED
    return Verdict.LATE if late else Verdict.HELD


def _slow_on_average(summary: Summary, objectives: Objectives) -> bool:
    limit, mean = objectives.average_latency_milliseconds, summary.mean_completed_seconds
    return limit is not None and mean is not None and 1000 * mean > limit
