"""What the demonstration records, and the judgement over it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median_high

UNTUNED_THREADS = 40
"""AnyIO's default; what a pod has before anything is known of it."""
MIN_MEASURED_SHARE = 0.8
MAX_LOAD_DEVIATION = 0.1
"""Of the load that is due: Poisson arrivals at 200/s deviate by 1 % over a minute."""
MAX_GAP_SECONDS = 10.0
"""Three samples, on a slow machine one; less than the 15 s that a moment's rates are taken over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The service as a client and the cluster see it, `seconds` after the load began. None: not known."""

    seconds: float
    offered_per_second: float | None
    latency_p99_seconds: float | None
    fast_ratio: float | None
    error_ratio: float | None
    replicas: int
    ready_replicas: int
    threads: int | None
    limiting_factor: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Means over a stretch of the run; the column of the before/after table."""

    offered_per_second: float
    latency_p99_seconds: float
    fast_ratio: float
    error_ratio: float
    replicas: int
    threads: int


class NothingMeasured(Exception):
    """The stretch holds no moment with traffic."""


def summary(moments: Sequence[Moment], begin_seconds: float, end_seconds: float) -> Summary:
    """Means of [begin, end); p99 is the median of the sampled ones, knobs are as they were when it began.

    Raises:
        NothingMeasured: no moment in it saw traffic.
    """
    stretch = _with_traffic(moments, begin_seconds, end_seconds)
    if not stretch:
        raise NothingMeasured(f"no latency between {begin_seconds:.0f} s and {end_seconds:.0f} s")
    return Summary(
        offered_per_second=_mean([m.offered_per_second for m in stretch]),
        latency_p99_seconds=median_high(m.latency_p99_seconds for m in stretch if m.latency_p99_seconds is not None),
        fast_ratio=_mean([m.fast_ratio for m in stretch]),
        error_ratio=_mean([m.error_ratio for m in stretch]),
        replicas=stretch[0].replicas,
        threads=stretch[0].threads or UNTUNED_THREADS,
    )


def _with_traffic(moments: Sequence[Moment], begin_seconds: float, end_seconds: float) -> list[Moment]:
    """Those of [begin, end) in which all that a client sees was measured."""
    return [
        moment
        for moment in moments
        if begin_seconds <= moment.seconds < end_seconds
        and None not in (moment.offered_per_second, moment.latency_p99_seconds, moment.fast_ratio, moment.error_ratio)
    ]


def _mean(values: Sequence[float | None]) -> float:
    return fmean(value for value in values if value is not None)


def seconds_to_objective(moments: Sequence[Moment], step_seconds: float, target_ratio: float) -> float | None:
    """Time from the load step until the objective holds and goes on holding to the end; None if it does not."""
    met_since: float | None = None
    for moment in moments:
        if moment.seconds < step_seconds or moment.fast_ratio is None:
            continue
        if moment.fast_ratio < target_ratio:
            met_since = None
        elif met_since is None:
            met_since = moment.seconds
    return None if met_since is None else met_since - step_seconds


def shortcomings(
    moments: Sequence[Moment],
    begin_seconds: float,
    end_seconds: float,
    *,
    due_per_second: Callable[[float], float],
    target_ratio: float,
    max_error_ratio: float,
) -> list[str]:
    """Why the objective cannot be said to have held over [begin, end); empty when it can.

    A run that was hardly measured, or whose load stayed away, is no success: `due_per_second` is what the load's
    profile asks for, by seconds since it began.

    Raises:
        NothingMeasured: no moment in it saw traffic.
    """
    seen = summary(moments, begin_seconds, end_seconds)
    due = fmean(due_per_second(m.seconds) for m in _with_traffic(moments, begin_seconds, end_seconds))
    measured = measured_share(moments, begin_seconds, end_seconds)
    found = {
        f"traffic was measured in {measured:.0%} of the time only": measured < MIN_MEASURED_SHARE,
        f"offered were {seen.offered_per_second:.0f} requests/s of {due:.0f}": (
            abs(seen.offered_per_second - due) > MAX_LOAD_DEVIATION * due
        ),
        f"{seen.fast_ratio:.2%} were within the objective, not {target_ratio:.2%}": seen.fast_ratio < target_ratio,
        f"{seen.error_ratio:.2%} were errors or timeouts, more than {max_error_ratio:.2%}": (
            seen.error_ratio > max_error_ratio
        ),
    }
    return [what for what, holds in found.items() if holds]


def measured_share(moments: Sequence[Moment], begin_seconds: float, end_seconds: float) -> float:
    """Share of [begin, end) that moments with traffic speak for, each for the time since the one before it.

    A moment after a gap speaks for `MAX_GAP_SECONDS` at most.
    """
    covered, last = 0.0, begin_seconds
    for moment in _with_traffic(moments, begin_seconds, end_seconds):
        covered += min(moment.seconds - last, MAX_GAP_SECONDS)
        last = moment.seconds
    return covered / (end_seconds - begin_seconds)


def table(before: Summary, after: Summary) -> str:
    """Before and after as a Markdown table."""
    rows = (
        ("offered load", f"{before.offered_per_second:.0f} requests/s", f"{after.offered_per_second:.0f} requests/s"),
        ("p99 latency", f"{before.latency_p99_seconds * 1000:.0f} ms", f"{after.latency_p99_seconds * 1000:.0f} ms"),
        ("within the objective", f"{before.fast_ratio:.2%}", f"{after.fast_ratio:.2%}"),
        ("errors and timeouts", f"{before.error_ratio:.2%}", f"{after.error_ratio:.2%}"),
        ("replicas", str(before.replicas), str(after.replicas)),
        ("threads per pod", str(before.threads), str(after.threads)),
    )
    lines = ["| | before | after |", "|---|---|---|", *(f"| {name} | {b} | {a} |" for name, b, a in rows)]
    return "\n".join(lines) + "\n"
