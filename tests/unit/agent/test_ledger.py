"""Sums over workers that come and go."""

from hypothesis import given
from hypothesis import strategies as st

from fastapi_tuning_agent.catalogue import Snapshot
from fastapi_tuning_agent.ledger import Ledger

COUNTER = "fastapi_tuning_requests_started_total"
GAUGE = "fastapi_tuning_requests_in_flight"
GENERATION = "fastapi_tuning_agent_settings_generation"
HISTOGRAM = "fastapi_tuning_loop_lag_seconds"


def of(metric: str, value: float) -> Snapshot:
    return {metric: {(): value}}


def test_counters_and_gauges_of_all_workers_add_up() -> None:
    one, two = {**of(COUNTER, 5), **of(GAUGE, 1)}, {**of(COUNTER, 7), **of(GAUGE, 2)}
    assert Ledger().total({"one": one, "two": two}) == {**of(COUNTER, 12), **of(GAUGE, 3)}


def test_a_generation_is_in_force_when_every_worker_has_it() -> None:
    assert Ledger().total({"one": of(GENERATION, 7), "two": of(GENERATION, 6)}) == of(GENERATION, 6)


def test_what_a_worker_counted_stays_when_it_ends_and_its_gauges_do_not() -> None:
    ledger = Ledger()
    ledger.total({"one": {**of(COUNTER, 5), **of(GAUGE, 1)}, "two": of(COUNTER, 7)})
    assert ledger.total({"two": of(COUNTER, 8)}) == of(COUNTER, 13)


def test_histograms_with_different_edges_add_up_bucket_by_bucket() -> None:
    one: Snapshot = {HISTOGRAM: {(): 0.1, (("le", "0.1"),): 1, (("le", "inf"),): 0}}
    two: Snapshot = {HISTOGRAM: {(): 0.3, (("le", "0.3"),): 1, (("le", "inf"),): 2}}
    buckets = {(): 0.4, (("le", "0.1"),): 1, (("le", "0.3"),): 1, (("le", "inf"),): 2}
    assert Ledger().total({"one": one, "two": two}) == {HISTOGRAM: buckets}


def test_one_that_takes_over_starts_at_zero_as_after_a_restart() -> None:
    ledger = Ledger()
    ledger.start_at_zero({"one": of(COUNTER, 50)})
    assert ledger.total({"one": of(COUNTER, 52), "new": of(COUNTER, 1)}) == of(COUNTER, 3)
    assert ledger.total({"new": of(COUNTER, 1)}) == of(COUNTER, 3)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), min_size=1), min_size=1))
def test_a_total_never_falls_whoever_comes_and_goes(rounds: list[dict[str, int]]) -> None:
    """Names live once: a worker that was away does not come back under its old name."""
    ledger, totals, lives, counted = Ledger(), [], dict.fromkeys("abc", 0), dict[str, int]()
    for round_ in rounds:
        for name in set("abc") - set(round_):
            lives[name] += 1
        for name, growth in round_.items():
            life = f"{name}{lives[name]}"
            counted[life] = counted.get(life, 0) + growth
        alive = {f"{name}{lives[name]}" for name in round_}
        totals.append(ledger.total({life: of(COUNTER, counted[life]) for life in alive})[COUNTER][()])
    assert totals == sorted(totals)
    assert totals[-1] == sum(counted.values())
