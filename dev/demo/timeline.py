"""What the demonstration records, and the judgement over it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

UNTUNED_THREADS = 40
"""AnyIO's default; what a pod has before anything is known of it."""


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
        NothingMeasured: no moment in it has a latency.
    """
    stretch = [m for m in moments if begin_seconds <= m.seconds < end_seconds and m.latency_p99_seconds is not None]
    if not stretch:
        raise NothingMeasured(f"no latency between {begin_seconds:.0f} s and {end_seconds:.0f} s")
    latencies = sorted(m.latency_p99_seconds for m in stretch if m.latency_p99_seconds is not None)
    return Summary(
        offered_per_second=_mean([m.offered_per_second for m in stretch]),
        latency_p99_seconds=latencies[len(latencies) // 2],
        fast_ratio=_mean([m.fast_ratio for m in stretch]),
        error_ratio=_mean([m.error_ratio for m in stretch]),
        replicas=stretch[0].replicas,
        threads=stretch[0].threads or UNTUNED_THREADS,
    )


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 0.0


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


def holds(result: Summary, *, target_ratio: float, max_error_ratio: float) -> bool:
    """Whether the objective held over the stretch."""
    return result.fast_ratio >= target_ratio and result.error_ratio <= max_error_ratio


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
