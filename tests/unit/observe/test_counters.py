"""A counter falls when its process starts anew: only functions that know that may read one."""

import re
from collections.abc import Iterator

import pytest

from fastapi_tuning.observe import queries
from fastapi_tuning.observe.presets import PRESETS

WHERE = 'namespace=~"shop"'
OF_PRESETS = (queries.buckets, queries.latency_sum, queries.served, queries.failed, queries.queue_growth)
OTHERS = (
    *(queries.cpu, queries.started, queries.shed, queries.thread_seconds, queries.blocked_loop),
    *(queries.dependencies, queries.presence),
)


def all_queries() -> Iterator[str]:
    for preset in PRESETS:
        yield from (query(preset, WHERE, 60) for query in OF_PRESETS)
    yield from (query(WHERE, 60) for query in OTHERS)
    yield queries.blocked_seconds(WHERE)
    yield queries.throttled_ratio(WHERE, "app")
    yield queries.path_latency(WHERE, "/")


@pytest.mark.parametrize("promql", [*all_queries()])
def test_every_counter_is_read_as_a_rate(promql: str) -> None:
    for counter in re.finditer(r"[a-z_]+(_total|_count|_sum|_bucket)\{", promql):
        assert promql[: counter.start()].endswith(("rate(", "increase(")), counter[0]


def test_the_queries_do_read_counters() -> None:
    assert sum("_total{" in promql for promql in all_queries()) > 5
