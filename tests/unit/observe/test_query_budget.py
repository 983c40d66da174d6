"""Slow custom queries of one user, and what they cost the others."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fastapi_tuning.api.reasons import Reason
from fastapi_tuning.api.spec import Metrics
from fastapi_tuning.control.observation import NoData, Signals, Traffic
from fastapi_tuning.errors import MetricsUnavailable
from fastapi_tuning.observe.metrics import CUSTOM_BUDGET_SECONDS, MetricsTarget, read_signals
from fastapi_tuning.observe.prometheus import Sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SLOW_SECONDS = 3.8


@dataclass
class SlowPrometheus:
    """Takes its time, on a clock of its own, for queries of the tenants in `slow`."""

    slow: frozenset[str]
    seconds: float = 0.0
    asked: list[str] = field(default_factory=list)
    refuses: bool = False

    def clock(self) -> float:
        return self.seconds

    def query(self, promql: str, at: datetime) -> tuple[Sample, ...]:
        self.asked.append(promql)
        is_slow = promql.partition("{")[0] in self.slow
        self.seconds += SLOW_SECONDS if is_slow else 0.01
        if is_slow and self.refuses:
            raise MetricsUnavailable("query timed out")
        return (Sample(labels={}, value=1.0),)


def tenant(namespace: str, count: int = 1) -> list[MetricsTarget]:
    """Objects of one namespace, each with four queries that are named after it."""
    queries = ("requestsPerSecond", "fastRequestsPerSecond", "failedRequestsPerSecond", "averageLatencySeconds")
    metrics = Metrics.model_validate(
        {"source": "Custom", "custom": dict.fromkeys(queries, namespace.replace("-", "_"))}
    )
    return [
        MetricsTarget(
            key=(namespace, f"app-{number}"),
            pods=frozenset({(namespace, f"app-{number}-0")}),
            metrics=metrics,
            threshold_seconds=0.5,
        )
        for number in range(count)
    ]


def read(prometheus: SlowPrometheus, *targets: Iterable[MetricsTarget], at: datetime = NOW) -> dict[Any, Signals]:
    return read_signals(prometheus, [each for group in targets for each in group], at, prometheus.clock)


def test_quick_queries_of_many_objects_are_all_answered() -> None:
    found = read(SlowPrometheus(slow=frozenset()), tenant("quick", 50))

    assert {type(signals) for signals in found.values()} == {Traffic}


@pytest.mark.parametrize("refuses", [False, True], ids=["answered late", "given up on"])
def test_slow_queries_end_at_the_budget_and_the_rest_is_told_so(*, refuses: bool) -> None:
    prometheus = SlowPrometheus(slow=frozenset({"slow"}), refuses=refuses)

    found = read(prometheus, tenant("slow", 5))

    assert prometheus.seconds < CUSTOM_BUDGET_SECONDS + SLOW_SECONDS
    left_out = [signals for signals in found.values() if isinstance(signals, NoData)]
    spent = [signals for signals in left_out if signals.reason is Reason.QUERY_BUDGET_SPENT]
    assert len(found) == 5
    assert spent
    assert all("10.0 s" in signals.message for signals in spent)


def test_a_tenant_with_slow_queries_takes_nothing_from_one_with_quick_ones() -> None:
    for cycle in range(20):
        prometheus = SlowPrometheus(slow=frozenset({"slow"}))

        found = read(prometheus, tenant("slow", 5), tenant("quick", 5), at=NOW + timedelta(seconds=15 * cycle))

        assert all(isinstance(signals, Traffic) for (space, _), signals in found.items() if space == "quick")
        assert prometheus.seconds < CUSTOM_BUDGET_SECONDS + SLOW_SECONDS


def test_among_many_slow_tenants_nobody_is_always_the_last() -> None:
    slow = [f"slow-{number}" for number in range(6)]
    served = set()
    for cycle in range(40):
        prometheus = SlowPrometheus(slow=frozenset(name.replace("-", "_") for name in slow))
        found = read(prometheus, tenant("quick"), *map(tenant, slow), at=NOW + timedelta(seconds=15 * cycle))
        served |= {type(signals) for (space, _), signals in found.items() if space == "quick"}

    assert served == {Traffic, NoData}


def test_the_next_cycle_has_a_budget_of_its_own() -> None:
    prometheus = SlowPrometheus(slow=frozenset({"slow"}))
    read(prometheus, tenant("slow", 5))
    asked = len(prometheus.asked)

    read(prometheus, tenant("slow", 5))

    assert len(prometheus.asked) == 2 * asked
