"""A breakage is judged by the clients, the pods, the writes, the time until all is back, and what was told."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from dev.chaos.audit_log import Write
from dev.chaos.record import Moment, moment_of
from dev.chaos.table import BEGIN, END, inserted, table
from dev.chaos.verdict import Expected, Seen, Verdict, judge

WELL = frozenset({("Ready", "True", "Observing"), ("MetricsAvailable", "True", "Fresh")})
BLIND = frozenset({("Ready", "False", "PrometheusUnreachable"), ("MetricsAvailable", "False", "PrometheusUnreachable")})
OVER = 100.0
EXPECTED = Expected(needed_pods=4, interval_seconds=15)


def moment(
    seconds: float, *, replicas: int = 5, observed: float = 0.0, conditions: frozenset[tuple[str, str, str]] = WELL
) -> Moment:
    return Moment(seconds=seconds, replicas=replicas, ready=replicas, observed=observed, conditions=conditions)


BACK = moment(110, observed=108)


def seen(*moments: Moment, writes: Sequence[Write] = (), failed: float = 0, late: float = 0) -> Seen:
    return Seen(
        over=OVER,
        before=moment(0),
        moments=(*moments, BACK),
        writes=writes,
        events=frozenset({"PrometheusUnreachable"}),
        answered=10_000,
        failed=failed,
        late=late,
    )


def scaled(replicas: int, seconds: float = 50) -> Write:
    body = json.dumps({"metadata": {}, "spec": {"replicas": replicas}})
    return Write(seconds=seconds, path="deployments/checkout/scale", body=body)


def test_a_service_that_noticed_nothing_passes() -> None:
    verdict = judge(seen(moment(50)), EXPECTED)
    assert verdict.passed
    assert (verdict.least_pods, verdict.recovered_seconds, verdict.repeated) == (5, 10, 0)


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        (seen(failed=11), "0.11% of the requests failed"),
        (seen(late=101), "1.01% of the requests were late"),
        (seen(moment(50, replicas=3)), "3 pods, where 4 are needed"),
        (seen(writes=[scaled(6), scaled(6, 60)]), "1 writes twice"),
    ],
)
def test_what_should_not_be_is_named(what: Seen, complaint: str) -> None:
    assert judge(what, EXPECTED).failures == (complaint,)


def test_clients_of_what_was_broken_itself_are_not_judged() -> None:
    assert judge(seen(failed=500, late=500), replace(EXPECTED, interrupts_clients=True)).passed


def test_two_cycles_are_time_enough_and_a_new_leader_needs_its_lease_besides() -> None:
    late = replace(seen(), moments=(moment(145, observed=143),))
    assert judge(late, EXPECTED).failures == ("not back within 30 s",)
    assert judge(late, replace(EXPECTED, lease_seconds=15)).passed


def test_an_observation_of_before_and_one_that_is_not_ready_are_no_recovery() -> None:
    never = replace(seen(), moments=(moment(110, observed=99), moment(120, observed=115, conditions=BLIND)))
    verdict = judge(never, EXPECTED)
    assert verdict.recovered_seconds is None
    assert not verdict.passed


def test_what_must_be_told_is_missed_where_it_was_not() -> None:
    asks = replace(EXPECTED, tells="MetricsAvailable")
    assert judge(seen(), asks).failures == ("MetricsAvailable never said False",)
    assert judge(seen(moment(50, conditions=BLIND)), asks).passed


def test_what_the_user_saw_is_each_condition_that_turned_and_the_events() -> None:
    assert judge(seen(moment(50, conditions=BLIND)), EXPECTED).told == (
        "MetricsAvailable=False (PrometheusUnreachable)",
        "Ready=False (PrometheusUnreachable)",
        "PrometheusUnreachable",
    )


def test_the_table_has_a_row_for_each_and_counts_those_that_passed() -> None:
    good: Verdict = judge(seen(writes=[scaled(6)]), EXPECTED)
    bad = judge(seen(failed=500), EXPECTED)
    lines = table([("nothing", 4, good), ("all", 4, bad)]).splitlines()
    assert "| nothing | 0.00% | 0.00% | 5 (4) | 6 | 0 | 10 s | PrometheusUnreachable | passed |" in lines
    assert lines[3].endswith("| 5.00% of the requests failed |")
    assert lines[-1] == "1 of 2 as they should be."


def test_a_table_takes_the_place_of_the_last_one() -> None:
    document = f"# Title\n{BEGIN}\n\nold\n\n{END}\nthe rest\n"
    assert inserted(document, "new\n") == f"# Title\n{BEGIN}\n\nnew\n\n{END}\nthe rest\n"
    with pytest.raises(ValueError, match="no lines"):
        inserted("# Title\n", "new\n")


def test_a_moment_is_read_from_the_two_objects() -> None:
    tuning = {
        "status": {
            "history": {"lastObservationTime": "2026-01-01T12:00:00Z"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "Observing", "message": ""}],
        }
    }
    found = moment_of(5.0, {"spec": {"replicas": 3}, "status": {"readyReplicas": 2}}, tuning)
    assert (found.replicas, found.ready, found.observed) == (3, 2, 1_767_268_800.0)
    assert found.says("Ready", "True")
    assert moment_of(5.0, {"spec": {"replicas": 3}, "status": {}}, {}).observed is None
