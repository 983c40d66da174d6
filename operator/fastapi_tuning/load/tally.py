"""What came of the requests of one phase. Pure.

A failed request has no latency that could count as good: it sorts behind every answered one, so a quantile
that falls among the failed ones has no value.
"""

import json
import math
from array import array
from collections import Counter
from dataclasses import asdict, dataclass
from enum import StrEnum


class Outcome(StrEnum):
    OK = "ok"
    ERROR = "error"
    SHED = "shed"
    """Refused with 503, by the app's own limit or whoever stands before it."""
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One phase in numbers. A quantile is None where it falls among failed requests, or nothing was offered.

    `p99_completed_seconds` and the mean leave the failed ones out: what those had to wait who were let in.
    """

    phase: str
    seconds: float
    """How long the load was offered: the phase's own length, or less if it was cut short."""
    cut_short: bool
    offered: int
    completed: int
    errors: int
    """Requests that failed at once or were refused, `shed` ones among them."""
    shed: int
    timeouts: int
    answered: int
    """Good answers that arrived during the phase, whenever they were asked for: what the service gave."""
    mean_completed_seconds: float | None
    p50_seconds: float | None
    p99_seconds: float | None
    p99_completed_seconds: float | None
    objective_seconds: float
    share_within_objective: float | None
    generator_lag_p99_seconds: float | None
    generator_lag_max_seconds: float | None

    def as_json(self) -> dict[str, object]:
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(self).items()}

    @classmethod
    def of_line(cls, line: str) -> "Summary":
        """What `as_json` wrote. Raises ValueError or TypeError for anything else."""
        return cls(**json.loads(line))


class Tally:
    """Collects one phase. Latencies and lags are in seconds, from the time a request was scheduled for."""

    def __init__(self) -> None:
        self._lags = array("d")
        self._latencies = array("d")
        self._outcomes: Counter[Outcome] = Counter()
        self._answered = 0

    def offered(self, lag_seconds: float) -> None:
        """Notes a request that was due, and how late the generator came to it."""
        self._lags.append(lag_seconds)

    def finished(self, outcome: Outcome, latency_seconds: float) -> None:
        self._outcomes[outcome] += 1
        if outcome is Outcome.OK:
            self._latencies.append(latency_seconds)

    def answered(self) -> None:
        """Notes a good answer that arrived during this phase."""
        self._answered += 1

    def summary(self, phase: str, *, objective_seconds: float, seconds: float, cut_short: bool) -> Summary:
        """Sums up; a request offered and not finished by now counts among the errors."""
        offered = len(self._lags)
        latencies = sorted(self._latencies)
        lags = sorted(self._lags)
        within = sum(latency <= objective_seconds for latency in latencies)
        return Summary(
            phase=phase,
            seconds=seconds,
            cut_short=cut_short,
            offered=offered,
            completed=len(latencies),
            errors=offered - len(latencies) - self._outcomes[Outcome.TIMEOUT],
            shed=self._outcomes[Outcome.SHED],
            timeouts=self._outcomes[Outcome.TIMEOUT],
            answered=self._answered,
            mean_completed_seconds=sum(latencies) / len(latencies) if latencies else None,
            p50_seconds=_quantile(latencies, 0.50, of=offered),
            p99_seconds=_quantile(latencies, 0.99, of=offered),
            p99_completed_seconds=_quantile(latencies, 0.99, of=len(latencies)),
            objective_seconds=objective_seconds,
            share_within_objective=within / offered if offered else None,
            generator_lag_p99_seconds=_quantile(lags, 0.99, of=offered),
            generator_lag_max_seconds=max(lags, default=None),
        )


def _quantile(ordered: list[float], quantile: float, *, of: int) -> float | None:
    """The nearest-rank quantile among `of` requests, of which only the `ordered` ones have a value."""
    rank = max(1, math.ceil(quantile * of))
    return ordered[rank - 1] if rank <= len(ordered) else None
